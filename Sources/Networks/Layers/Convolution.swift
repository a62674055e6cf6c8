import Tensors

/// A two-dimensional convolution, without a bias by default.
///
/// The parameters of this and every other layer may have one more axis in front, so that each image of a batch has its
/// own parameters; see ``Network/with(parameters:)``.
public struct Convolution: FusingModule {
  /// The kernel, [KH, KW, C/groups, O].
  public var kernel: Tensor
  /// The bias, [O].
  public var bias: Tensor?
  /// The stride, padding and groups.
  public let geometry: ConvolutionGeometry

  /// Creates a convolution with a square kernel; by default its weights are drawn for ReLU networks.
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

extension Convolution: TracedOperation {
  /// The number of rows and columns of the kernel.
  public var size: (height: Int, width: Int) {
    (kernel.shape[kernel.rank - 4], kernel.shape[kernel.rank - 3])
  }

  public func shape(of inputs: [[Int]]) -> [Int] {
    let x = inputs[0]
    func outputs(_ inputs: Int, _ size: Int, _ stride: Int, _ padding: Int, _ dilation: Int) -> Int {
      let room = inputs + 2 * padding - dilation * (size - 1) - 1
      return room < 0 ? 0 : room / stride + 1
    }
    let (stride, padding, dilation) = (geometry.stride, geometry.padding, geometry.dilation)
    return [
      x[0], outputs(x[1], size.height, stride.height, padding.height, dilation.height),
      outputs(x[2], size.width, stride.width, padding.width, dilation.width), kernel.shape[kernel.rank - 1],
    ]
  }

  public var excitation: ExcitationUse { .needsNonNegative }
}

extension LayerWord {
  /// The word `conv 32 size 3 stride 2 padding 1 groups 1 bias`, whose number is that of the output channels. The
  /// default size is 3, the default padding half the size.
  static let convolution = LayerWord(
    "conv", number: .required, options: ["size", "stride", "padding", "groups"], flags: ["bias"]
  ) { layer, input throws(LayerDescription.Malformed) in
    let (channels, outputs, groups) = (input.channels, layer.number ?? 1, layer["groups"] ?? 1)
    let (size, stride, hasBias) = (layer["size"] ?? 3, layer["stride"] ?? 1, layer.flags.contains("bias"))
    let padding = layer["padding"] ?? size / 2
    guard channels % groups == 0, outputs % groups == 0 else {
      throw layer.malformed("\(groups) groups do not divide \(channels) channels before it and \(outputs) after")
    }
    guard padding <= size else { throw layer.malformed("too much padding") }
    let parameters =
      Double(size) * Double(size) * Double(channels) / Double(groups) * Double(outputs)
      + (hasBias ? Double(outputs) : 0)
    return LayerPlan(
      channels: outputs, parameterCount: parameters,
      size: { inputs in
        let room = inputs + 2 * padding - size
        return room < 0 ? 0 : room / stride + 1
      }
    ) { random in
      Convolution(
        channels, outputs, size: size, stride: stride, padding: padding, groups: groups, bias: hasBias, using: &random)
    }
  }
}
