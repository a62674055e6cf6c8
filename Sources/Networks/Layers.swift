import Tensors

/// A two-dimensional convolution without bias unless given one.
public struct Convolution: Module {
  /// [KH, KW, C/groups, O]
  public var kernel: Tensor
  /// [O]
  public var bias: Tensor?
  /// Stride, padding and groups.
  public let geometry: ConvolutionGeometry

  /// He's initialization for rectified networks: normal with variance 2 / fan-in.
  public init(
    _ inputs: Int, _ outputs: Int, size: Int, stride: Int = 1, padding: Int = 0, groups: Int = 1, bias: Bool = false,
    using random: inout RandomSource
  ) {
    let fan = Double(size * size * inputs / groups)
    kernel = .normal([size, size, inputs / groups, outputs], deviation: (2 / fan).squareRoot(), using: &random)
    self.bias = bias ? .zeros([outputs]) : nil
    geometry = ConvolutionGeometry(stride: .init(stride), padding: .init(padding), groups: groups)
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    let y = x.convolved(with: kernel, geometry)
    return bias.map { y + $0 } ?? y
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
public struct BatchNorm: Module {
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
    self(x, &pass, adding: nil, rectified: false)
  }

  /// The normalized tensor plus `residual`, and its positive part if `rectified`: with running statistics one operation.
  func callAsFunction(_ x: Tensor, _ pass: inout Pass, adding residual: Tensor?, rectified: Bool) -> Tensor {
    switch pass.normalization {
    case .running:
      return x.normalized(
        mean: runningMean, rate: (runningVariance + epsilon).squareRoot.reciprocalOrZero, weight: weight, bias: bias,
        residual: residual, rectified: rectified)
    case .batch:
      let axes = Array(0..<(x.rank - 1))
      let mean = x.mean(axes)
      let centred = x - mean
      let variance = centred.squared.mean(axes)
      let count = Double(x.count / x.shape[x.rank - 1])
      pass.saw(mean: mean, variance: variance * (count / max(1, count - 1)))
      let y = centred * (weight * (variance + epsilon).squareRoot.reciprocalOrZero) + bias
      let sum = residual.map { y + $0 } ?? y
      return rectified ? sum.rectified : sum
    }
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try body(path / "weight", .weight, &weight)
    try body(path / "bias", .weight, &bias)
    try body(path / "running_mean", .statistic, &runningMean)
    try body(path / "running_var", .statistic, &runningVariance)
  }
}

/// A linear layer: x [N, I] to x·Wᵀ + b [N, O].
public struct Linear: Module {
  /// [O, I]
  public var weight: Tensor
  /// [O]
  public var bias: Tensor

  /// Uniform in ±1/√I, as in PyTorch.
  public init(_ inputs: Int, _ outputs: Int, using random: inout RandomSource) {
    let bound = 1 / Double(inputs).squareRoot()
    weight = .uniform([outputs, inputs], from: -bound, to: bound, using: &random)
    bias = .uniform([outputs], from: -bound, to: bound, using: &random)
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    .product(x, transposed: false, weight, transposed: true) + bias
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try body(path / "weight", .weight, &weight)
    try body(path / "bias", .weight, &bias)
  }
}

/// The positive part.
public struct Rectifier: Module {
  /// The positive part, which has no parameters.
  public init() {}
  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { x.rectified }
  public func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {}
}

/// Modules one after the other, named 0, 1, ….
public struct Sequential: Module {
  /// The modules, in order.
  public var modules: [any Module]
  /// Modules in order.
  public init(_ modules: [any Module]) { self.modules = modules }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    var x = x
    for (index, module) in modules.enumerated() { x = pass(String(index), module, x) }
    return x
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    for index in modules.indices { try modules[index].visit(path / String(index), body) }
  }
}
