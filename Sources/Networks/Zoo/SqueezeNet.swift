import Tensors

extension Architecture {
  /// SqueezeNet 1.0.
  public static let squeezenet1_0 = squeezeNet("squeezenet1_0", isRevised: false)
  /// SqueezeNet 1.1, the authors' revision, which needs less than half the arithmetic.
  public static let squeezenet1_1 = squeezeNet("squeezenet1_1", isRevised: true)

  static let squeezeNets = [squeezenet1_0, squeezenet1_1]

  private static func squeezeNet(_ name: String, isRevised: Bool) -> Architecture {
    Architecture(name, usualSide: 224) { Sequential.squeezeNet(isRevised: isRevised, classes: $0, using: &$1) }
  }
}

extension Sequential {
  /// SqueezeNet 1.0 (Iandola et al. 2016) or 1.1 (the authors' lighter revision). The logits are means over locations
  /// after a ReLU, so that none is negative. Names and initialization are torchvision's: `features.0`,
  /// `features.3.squeeze`, …, `classifier.1`.
  ///
  /// - Parameters:
  ///   - isRevised: whether it is version 1.1.
  ///   - classes: the number of logits.
  ///   - random: the source of the weights; nil for zeros.
  /// - Returns: the layers, from images [N, H, W, 3] to logits [N, classes].
  public static func squeezeNet(isRevised: Bool, classes: Int, using random: inout RandomSource?) -> Sequential {
    let (stem, size) = isRevised ? (64, 3) : (96, 7)
    var features: [any Module] = [
      Convolution(3, stem, size: size, stride: 2, bias: true, initialization: .heUniform, using: &random),
      ReLU(),
    ]
    let widths = [16, 16, 32, 32, 48, 48, 64, 64]
    let pooled = isRevised ? [0, 2, 4] : [0, 3, 7]
    var channels = stem
    for (index, width) in widths.enumerated() {
      if pooled.contains(index) { features.append(MaxPool(window: 3, stride: 2, coveringEdges: true)) }
      features.append(Fire(channels, squeezed: width, using: &random))
      channels = 8 * width
    }
    let classifier = Sequential([
      Dropout(0.5),
      Convolution(channels, classes, size: 1, bias: true, initialization: .normal(0.01), using: &random),
      ReLU(), GlobalAveragePool(),
    ])
    return Sequential(named: [("features", Sequential(features)), ("classifier", classifier)])
  }
}

/// SqueezeNet's module: a 1×1 convolution that narrows, then a 1×1 and a 3×3 convolution of its output, whose outputs
/// are concatenated.
public struct Fire: Block {
  /// The 1×1 convolution that narrows, and the 1×1 and 3×3 convolutions of its output.
  public private(set) var squeeze, expand1x1, expand3x3: Named<Convolution>

  init(_ inputs: Int, squeezed: Int, using random: inout RandomSource?) {
    func convolution(_ name: String, _ inputs: Int, _ outputs: Int, size: Int) -> Named<Convolution> {
      let convolution = Convolution(
        inputs, outputs, size: size, padding: size / 2, bias: true, initialization: .heUniform, using: &random)
      return Named(name, convolution)
    }
    squeeze = convolution("squeeze", inputs, squeezed, size: 1)
    expand1x1 = convolution("expand1x1", squeezed, 4 * squeezed, size: 1)
    expand3x3 = convolution("expand3x3", squeezed, 4 * squeezed, size: 3)
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    func activated(_ convolution: Named<Convolution>, _ x: Tensor) -> Tensor {
      pass(convolution.name + "_activation", ReLU(), pass(convolution, x))
    }
    let few = activated(squeeze, x)
    return pass.concatenated([activated(expand1x1, few), activated(expand3x3, few)])
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try squeeze.visit(path, body)
    try expand1x1.visit(path, body)
    try expand3x3.visit(path, body)
  }
}
