import Tensors

extension Architecture {
  /// MobileNetV2.
  public static let mobilenet_v2 = Architecture("mobilenet_v2", usualSide: 224) {
    Sequential.mobileNetV2(classes: $0, using: &$1)
  }
}

extension Sequential {
  /// MobileNetV2 (Sandler et al. 2018). Names and initialization are torchvision's: `features.0.0`,
  /// `features.1.conv.0.0`, …, `classifier.1`.
  ///
  /// - Parameters:
  ///   - classes: the number of logits.
  ///   - random: the source of the weights; nil for zeros.
  /// - Returns: the layers, from images [N, H, W, 3] to logits [N, classes].
  public static func mobileNetV2(classes: Int, using random: inout RandomSource?) -> Sequential {
    // Table 2 of the paper.
    let stages: [(expansion: Int, channels: Int, count: Int, stride: Int)] = [
      (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ]
    var channels = 32
    var features: [any Module] = [normalized(3, channels, size: 3, stride: 2, using: &random)]
    for stage in stages {
      for index in 0..<stage.count {
        features.append(
          InvertedResidual(
            channels, stage.channels, expansion: stage.expansion, stride: index == 0 ? stage.stride : 1, using: &random)
        )
        channels = stage.channels
      }
    }
    features.append(normalized(channels, 1280, size: 1, using: &random))
    return Sequential(named: [
      ("features", Sequential(features)), ("avgpool", GlobalAveragePool()),
      (
        "classifier",
        Sequential([
          Dropout(0.2), Linear(1280, classes, initialization: .normal(0.01), using: &random),
        ])
      ),
    ])
  }

  /// A convolution, its normalization, and ReLU6.
  fileprivate static func normalized(
    _ inputs: Int, _ outputs: Int, size: Int, stride: Int = 1, groups: Int = 1, using random: inout RandomSource?
  ) -> Sequential {
    Sequential([
      Convolution(
        inputs, outputs, size: size, stride: stride, padding: size / 2, groups: groups, initialization: .heFanOut,
        using: &random),
      BatchNorm(outputs), ReLU6(),
    ])
  }
}

/// MobileNetV2's block: a 1×1 convolution that widens, a depthwise convolution, and a 1×1 convolution that narrows,
/// without a ReLU at the end. The input is added where the shape stays the same.
public struct InvertedResidual: Block {
  /// The layers of the residual branch.
  public private(set) var conv: Named<Sequential>
  let hasShortcut: Bool

  init(_ inputs: Int, _ outputs: Int, expansion: Int, stride: Int, using random: inout RandomSource?) {
    let inner = inputs * expansion
    var modules: [any Module] = []
    if expansion > 1 { modules.append(Sequential.normalized(inputs, inner, size: 1, using: &random)) }
    modules.append(Sequential.normalized(inner, inner, size: 3, stride: stride, groups: inner, using: &random))
    modules.append(Convolution(inner, outputs, size: 1, initialization: .heFanOut, using: &random))
    modules.append(BatchNorm(outputs))
    conv = Named("conv", Sequential(modules))
    hasShortcut = stride == 1 && inputs == outputs
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    let y = pass(conv, x)
    return hasShortcut ? pass.sum(y, x) : y
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try conv.visit(path, body)
  }
}
