import Tensors

/// A two-dimensional convolution without bias unless given one.
///
/// This layer's parameters and all others' may have one more axis before their own, so that each image of a batch has its
/// own; see ``Network/with(parameters:)``.
public struct Convolution: FusingModule {
  /// [KH, KW, C/groups, O]
  public var kernel: Tensor
  /// [O]
  public var bias: Tensor?
  /// Stride, padding and groups.
  public let geometry: ConvolutionGeometry

  /// A square kernel; drawn for networks of ReLUs unless told otherwise.
  public init(
    _ inputs: Int, _ outputs: Int, size: Int, stride: Int = 1, padding: Int = 0, groups: Int = 1, bias: Bool = false,
    initialization: Initialization = .heFanIn, using random: inout RandomSource?
  ) {
    let fanIn = size * size * inputs / groups
    kernel = initialization.weights(
      [size, size, inputs / groups, outputs], fanIn: fanIn, fanOut: size * size * outputs, using: &random)
    self.bias = bias ? initialization.biases(outputs, fanIn: fanIn, using: &random) : nil
    geometry = ConvolutionGeometry(stride: .init(stride), padding: .init(padding), groups: groups)
  }

  func callAsFunction(_ x: Tensor, _ pass: inout Pass, adding residual: Tensor?, relu: Bool) -> Tensor {
    var y = x.convolved(with: kernel, geometry)
    if let bias { y = y.biased(by: bias, relu: relu && residual == nil) }
    if bias != nil && residual == nil { return y }
    let sum = residual.map { y.residualAdd($0) } ?? y
    return relu ? sum.relu : sum
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try body(path / "weight", .kernel, &kernel)
    if var bias {
      try body(path / "bias", .weight, &bias)
      self.bias = bias
    }
  }
}

/// Batch normalization over all axes but the last (Ioffe and Szegedy 2015).
public struct BatchNorm: FusingModule {
  /// Scale and shift, [C].
  public var weight, bias: Tensor
  /// Running statistics, [C].
  public var runningMean, runningVariance: Tensor
  /// Added to the variance; PyTorch's default.
  public let epsilon = 1e-5

  /// Scale 1, shift 0, and statistics of mean 0 and variance 1.
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

/// Layer normalization over the channels of each location (Ba et al. 2016).
public struct LayerNorm: Module {
  /// Scale and shift, [C].
  public var weight, bias: Tensor
  /// Added to the variance.
  public let epsilon: Double

  /// Scale 1 and shift 0.
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

/// A linear layer of the channels: x [..., I] to x·Wᵀ + b [..., O].
public struct Linear: Module {
  /// [O, I]
  public var weight: Tensor
  /// [O]
  public var bias: Tensor

  /// Drawn as PyTorch draws it unless told otherwise.
  public init(
    _ inputs: Int, _ outputs: Int, initialization: Initialization = .pyTorch, using random: inout RandomSource?
  ) {
    weight = initialization.weights([outputs, inputs], fanIn: inputs, fanOut: outputs, using: &random)
    bias = initialization.biases(outputs, fanIn: inputs, using: &random)
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    let inputs = x.shape[x.rank - 1]
    let rows = x.reshaped(weight.rank == 2 ? [-1, inputs] : [x.shape[0], -1, inputs])
    return (Tensor.product(rows, transposed: false, weight, transposed: true) + bias.overChannels(of: rows))
      .reshaped(x.shape.dropLast() + [weight.shape[weight.rank - 2]])
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try body(path / "weight", .weight, &weight)
    try body(path / "bias", .weight, &bias)
  }
}

/// The positive part.
public struct ReLU: Module {
  /// The positive part, which has no parameters.
  public init() {}
  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { x.relu }
  public func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {}
}

/// Modules one after the other.
public struct Sequential: Module {
  /// The modules, in order.
  public private(set) var modules: [any Module]
  /// Their names.
  public let names: [String]

  /// Modules in order, named 0, 1, ….
  public init(_ modules: [any Module]) { self.init(named: modules.enumerated().map { (String($0), $1) }) }

  /// Modules in order, each with a name.
  public init(named modules: [(name: String, module: any Module)]) {
    self.modules = modules.map(\.module)
    names = modules.map(\.name)
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    var (x, index) = (x, 0)
    while index < modules.count {
      if pass.recomputes, let stretch = stretch(from: index, pass) {
        x = pass.passing(names[stretch.upperBound - 1], pass.recomputed(self[stretch], x))
        index = stretch.upperBound
        continue
      }
      let module = modules[index]
      if let layer = module as? any FusingModule, index + 1 < modules.count, modules[index + 1] is ReLU {
        x = pass.passing(names[index + 1], pass(names[index], layer, x, relu: true))
        index += 2
      } else {
        x = pass(names[index], module, x)
        index += 1
      }
    }
    return x
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    for index in modules.indices { try modules[index].visit(path / names[index], body) }
  }
}
