import Tensors

extension Architecture {
  /// ResNet-18, with basic blocks (He et al. 2016).
  public static let resnet18 = resNet("resnet18", .basic, [2, 2, 2, 2])
  /// ResNet-34, with basic blocks.
  public static let resnet34 = resNet("resnet34", .basic, [3, 4, 6, 3])
  /// ResNet-50, with bottlenecks.
  public static let resnet50 = resNet("resnet50", .bottleneck(), [3, 4, 6, 3])
  /// ResNet-101, with bottlenecks.
  public static let resnet101 = resNet("resnet101", .bottleneck(), [3, 4, 23, 3])
  /// ResNet-152, with bottlenecks.
  public static let resnet152 = resNet("resnet152", .bottleneck(), [3, 8, 36, 3])
  /// ResNeXt-50, whose bottlenecks have 32 groups of 4 channels (Xie et al. 2017).
  public static let resnext50_32x4d = resNet("resnext50_32x4d", .bottleneck(groups: 32, width: 4), [3, 4, 6, 3])
  /// The wide ResNet-50, whose bottlenecks are twice as wide (Zagoruyko and Komodakis 2016).
  public static let wide_resnet50_2 = resNet("wide_resnet50_2", .bottleneck(width: 128), [3, 4, 6, 3])

  static let resNets = [resnet18, resnet34, resnet50, resnet101, resnet152, resnext50_32x4d, wide_resnet50_2]

  private static func resNet(_ name: String, _ kind: ResidualBlock.Kind, _ counts: [Int]) -> Architecture {
    Architecture(name, usualSide: 224) { Sequential.resNet(kind, counts, classes: $0, using: &$1) }
  }
}

extension Sequential {
  /// The residual networks for ImageNet of He et al. 2016: a 7×7 stem, max pooling and four stages of blocks with 64,
  /// 128, 256 and 512 channels (four times as many for bottlenecks). Names and initialization are torchvision's:
  /// `conv1`, `bn1`, `maxpool`, `layer1.0.conv1` … `layer4.2.bn3`, `fc`.
  ///
  /// ResNeXt (Xie et al. 2017) has bottlenecks with groups, and wide residual networks (Zagoruyko and Komodakis 2016)
  /// have bottlenecks with more inner channels.
  ///
  /// - Parameters:
  ///   - kind: the kind of all blocks.
  ///   - counts: the number of blocks in each of the four stages.
  ///   - classes: the number of logits.
  ///   - random: the source of the weights; nil for zeros.
  /// - Returns: the layers, from images [N, H, W, 3] to logits [N, classes].
  public static func resNet(
    _ kind: ResidualBlock.Kind, _ counts: [Int], classes: Int, using random: inout RandomSource?
  ) -> Sequential {
    var layers: [(name: String, module: any Module)] = [
      ("conv1", Convolution(3, 64, size: 7, stride: 2, padding: 3, initialization: .heFanOut, using: &random)),
      ("bn1", BatchNorm(64)),
      ("relu", ReLU()),
      ("maxpool", MaxPool(window: 3, stride: 2, padding: 1)),
    ]
    var channels = 64
    for (stage, count) in counts.enumerated() {
      let blocks = (0..<count).map { index in
        let block = ResidualBlock(
          kind, channels, stage: 64 << stage, stride: stage > 0 && index == 0 ? 2 : 1, using: &random)
        channels = block.outputs
        return block
      }
      layers.append(("layer\(stage + 1)", Sequential(blocks)))
    }
    layers.append(("avgpool", GlobalAveragePool()))
    layers.append(("fc", Linear(channels, classes, using: &random)))
    return Sequential(named: layers)
  }
}

/// A residual block: convolutions `conv1`, `conv2`, …, each with its normalization `bn1`, …, and a shortcut. Where the
/// shape changes, the shortcut is a 1×1 convolution with a normalization, `downsample`.
public struct ResidualBlock: Block {
  /// The kind of a block.
  public enum Kind: Sendable {
    /// Two 3×3 convolutions; the first may have a stride.
    case basic
    /// A 1×1, a 3×3 and a 1×1 convolution. The 3×3 convolution may have a stride, and the last has four times the
    /// stage's channels. The 3×3 convolution has `groups` groups of `width` channels in the first stage, and of 2, 4
    /// and 8 times as many in the others.
    case bottleneck(groups: Int = 1, width: Int = 64)
  }

  /// The convolutions, in the order of their names.
  public private(set) var convolutions: [Named<Convolution>]
  /// The normalization after each convolution.
  public private(set) var norms: [Named<BatchNorm>]
  /// The layers of the shortcut; nil if the shortcut is the identity.
  public private(set) var downsample: Named<Sequential>?
  /// The number of output channels.
  let outputs: Int

  init(_ kind: Kind, _ inputs: Int, stage channels: Int, stride: Int, using random: inout RandomSource?) {
    func convolution(_ inputs: Int, _ outputs: Int, size: Int, stride: Int = 1, groups: Int = 1) -> Convolution {
      Convolution(
        inputs, outputs, size: size, stride: stride, padding: size / 2, groups: groups, initialization: .heFanOut,
        using: &random)
    }
    let made: [Convolution]
    switch kind {
    case .basic:
      outputs = channels
      made = [
        convolution(inputs, channels, size: 3, stride: stride),
        convolution(channels, channels, size: 3),
      ]
    case .bottleneck(let groups, let width):
      let inner = channels / 64 * width * groups
      outputs = 4 * channels
      made = [
        convolution(inputs, inner, size: 1),
        convolution(inner, inner, size: 3, stride: stride, groups: groups),
        convolution(inner, outputs, size: 1),
      ]
    }
    convolutions = made.enumerated().map { Named("conv\($0 + 1)", $1) }
    norms = made.enumerated().map { Named("bn\($0 + 1)", BatchNorm($1.kernel.shape[3])) }
    if stride > 1 || inputs != outputs {
      let shortcut = convolution(inputs, outputs, size: 1, stride: stride)
      downsample = Named("downsample", Sequential([shortcut, BatchNorm(outputs)]))
    }
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    let shortcut = downsample.map { pass($0, x) } ?? x
    var y = x
    for (index, (convolution, norm)) in zip(convolutions, norms).enumerated() {
      let isLast = index == convolutions.count - 1
      y = pass(convolution, y)
      y = pass(norm, y, adding: isLast ? shortcut : nil, relu: true)
    }
    return y
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    for index in convolutions.indices {
      try convolutions[index].visit(path, body)
      try norms[index].visit(path, body)
    }
    try downsample?.visit(path, body)
  }
}
