import Tensors

extension Architecture {
  /// ``CIFARResNet`` of 20 and 32 layers.
  public static let resnet20 = cifarResNet("resnet20", 3), resnet32 = cifarResNet("resnet32", 5)
  /// ``CIFARResNet`` of 44 and 56 layers.
  public static let resnet44 = cifarResNet("resnet44", 7), resnet56 = cifarResNet("resnet56", 9)

  static let cifarResNets = [resnet20, resnet32, resnet44, resnet56]

  private static func cifarResNet(_ name: String, _ blocks: Int) -> Architecture {
    Architecture(name, usualSide: 32) { CIFARResNet(blocks: blocks, classes: $0, using: &$1) }
  }
}

/// The residual networks for 32×32 images of He et al. 2016, section 4.2, with parameter-free shortcuts (option A), and the
/// names of akamaster/pytorch_resnet_cifar10: `conv1`, `bn1`, `layer1.0.conv1` … `layer3.2.bn2`, `linear`.
public struct CIFARResNet: Module {
  /// The first convolution.
  public var conv1: Named<Convolution>
  /// The normalization after the first convolution.
  public var bn1: Named<BatchNorm>
  /// The stages, of 16, 32 and 64 channels.
  public var layer1, layer2, layer3: Named<Sequential>
  /// The classifier.
  public var linear: Named<Linear>

  /// Creates a network of 6 · `blocks` + 2 layers.
  public init(blocks: Int, classes: Int, using random: inout RandomSource?) {
    conv1 = Named("conv1", Convolution(3, 16, size: 3, padding: 1, using: &random))
    bn1 = Named("bn1", BatchNorm(16))
    func stage(_ name: String, _ inputs: Int, _ outputs: Int, stride: Int) -> Named<Sequential> {
      let blocks = (0..<blocks).map { block in
        BasicBlock(block == 0 ? inputs : outputs, outputs, stride: block == 0 ? stride : 1, using: &random)
      }
      return Named(name, Sequential(blocks))
    }
    layer1 = stage("layer1", 16, 16, stride: 1)
    layer2 = stage("layer2", 16, 32, stride: 2)
    layer3 = stage("layer3", 32, 64, stride: 2)
    linear = Named("linear", Linear(64, classes, using: &random))
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    var x = pass(bn1, pass(conv1, x), relu: true)
    x = pass(layer3, pass(layer2, pass(layer1, x)))
    x = pass.perform(GlobalAveragePool(), [x], x.globalAveragePooled())
    return pass(linear, x)
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try conv1.visit(path, body)
    try bn1.visit(path, body)
    try layer1.visit(path, body)
    try layer2.visit(path, body)
    try layer3.visit(path, body)
    try linear.visit(path, body)
  }

  /// Two 3×3 convolutions and a shortcut around them.
  public struct BasicBlock: Block {
    /// The convolutions; the first may have a stride.
    public var conv1, conv2: Named<Convolution>
    /// The normalization after each convolution.
    public var bn1, bn2: Named<BatchNorm>
    let stride: Int
    /// The number of channels that the shortcut adds, half of them on each side.
    let widening: Int

    init(_ inputs: Int, _ outputs: Int, stride: Int, using random: inout RandomSource?) {
      conv1 = Named("conv1", Convolution(inputs, outputs, size: 3, stride: stride, padding: 1, using: &random))
      bn1 = Named("bn1", BatchNorm(outputs))
      conv2 = Named("conv2", Convolution(outputs, outputs, size: 3, padding: 1, using: &random))
      bn2 = Named("bn2", BatchNorm(outputs))
      self.stride = stride
      widening = outputs - inputs
    }

    public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
      let y = pass(bn1, pass(conv1, x), relu: true)
      return pass(bn2, pass(conv2, y), adding: shortcut(x, &pass), relu: true)
    }

    /// The shortcut: every second location if the block has a stride, padded with channels of zeros.
    private func shortcut(_ x: Tensor, _ pass: inout Pass) -> Tensor {
      guard stride > 1 || widening > 0 else { return x }
      let (height, width) = ((x.shape[1] + stride - 1) / stride, (x.shape[2] + stride - 1) / stride)
      let few = pass.perform(
        Subsample(stride), [x],
        x.sliced(axis: 1, from: 0, length: height, step: stride).sliced(axis: 2, from: 0, length: width, step: stride))
      let (before, after) = (widening / 2, widening - widening / 2)
      return pass.perform(
        PadChannels(before: before, after: after), [few], few.padded(axis: 3, before: before, after: after))
    }

    public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
      try conv1.visit(path, body)
      try bn1.visit(path, body)
      try conv2.visit(path, body)
      try bn2.visit(path, body)
    }
  }
}
