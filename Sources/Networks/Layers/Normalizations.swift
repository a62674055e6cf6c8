import Tensors

/// Batch normalization over all axes but the last (Ioffe and Szegedy 2015).
public struct BatchNorm: FusingModule {
  /// Scale and shift, [C].
  public var weight, bias: Tensor
  /// Running statistics, [C].
  public var runningMean, runningVariance: Tensor
  /// The number that is added to the variance; PyTorch's default.
  public let epsilon = 1e-5

  /// Creates a layer with scale 1, shift 0, mean 0 and variance 1.
  public init(_ channels: Int) {
    (weight, bias) = (.ones([channels]), .zeros([channels]))
    (runningMean, runningVariance) = (.zeros([channels]), .ones([channels]))
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    self(x, &pass, adding: nil, relu: false)
  }

  func callAsFunction(_ x: Tensor, _ pass: inout Pass, adding residual: Tensor?, relu: Bool) -> Tensor {
    switch pass.normalization {
    case .running:
      return x.normalized(
        mean: runningMean, rate: (runningVariance + epsilon).sqrt.reciprocalOrZero, weight: weight, bias: bias,
        residual: residual, relu: relu)
    case .batch:
      let axes = Array(0..<(x.rank - 1))
      let mean = x.mean(axes)
      let centred = x - mean
      let variance = centred.squared.mean(axes)
      let count = Double(x.count / x.shape[x.rank - 1])
      pass.saw(mean: mean, variance: variance * (count / max(1, count - 1)))
      let y = centred * (weight * (variance + epsilon).sqrt.reciprocalOrZero) + bias
      let sum = residual.map { y.residualAdd($0) } ?? y
      return relu ? sum.relu : sum
    }
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try body(path / "weight", .weight, &weight)
    try body(path / "bias", .weight, &bias)
    try body(path / "running_mean", .statistic, &runningMean)
    try body(path / "running_var", .statistic, &runningVariance)
  }
}

extension BatchNorm: TracedOperation {
  // A negative scale changes the sign of the signal. Each output has a single input, so there is nothing to distribute.
  public var excitation: ExcitationUse { .passes }
}

extension LayerWord {
  /// The word `batch_norm`.
  static let batchNorm = LayerWord("batch_norm", hasStatistics: true) { _, input in
    let channels = input.channels
    return LayerPlan(channels: channels, side: input.side, parameterCount: 2 * Double(channels)) { _ in
      BatchNorm(channels)
    }
  }
}

/// Layer normalization over the channels of each location (Ba et al. 2016).
public struct LayerNorm: Module {
  /// Scale and shift, [C].
  public var weight, bias: Tensor
  /// The number that is added to the variance.
  public let epsilon: Double

  /// Creates a layer with scale 1 and shift 0.
  public init(_ channels: Int, epsilon: Double) {
    (weight, bias, self.epsilon) = (.ones([channels]), .zeros([channels]), epsilon)
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    let last = x.rank - 1
    let kept = Array(x.shape.dropLast()) + [1]
    let centred = x - x.mean([last]).reshaped(kept)
    let rate = (centred.squared.mean([last]) + epsilon).sqrt.reciprocalOrZero
    return centred * rate.reshaped(kept) * weight.overChannels(of: x) + bias.overChannels(of: x)
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try body(path / "weight", .weight, &weight)
    try body(path / "bias", .weight, &bias)
  }
}

extension LayerNorm: TracedOperation {}
