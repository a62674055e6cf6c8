import Tensors

extension Architecture {
  /// ``PlainNetwork``.
  public static let plain = Architecture("plain", usualSide: 32) { PlainNetwork(classes: $0, using: &$1) }
}

/// A small network without shortcuts for 32×32 images: five 3×3 convolutions, each with batch norm and ReLU, two of
/// them with a stride, then global average pooling and a linear layer. The convolutions are `features.0`, `.3`, `.6`,
/// `.9` and `.12`. Saliency maps are made at the ReLUs after them: `features.2` (16 channels), `.5` and `.8` (32, at
/// half size), `.11` and `.14` (64, at a quarter).
public struct PlainNetwork: Module {
  /// Convolutions, normalizations and ReLUs.
  public var features: Named<Sequential>
  /// The classifier.
  public var classifier: Named<Linear>

  /// Creates a network with random weights.
  public init(classes: Int, using random: inout RandomSource?) {
    var modules: [any Module] = []
    for (inputs, outputs, stride) in [(3, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)] {
      modules.append(Convolution(inputs, outputs, size: 3, stride: stride, padding: 1, using: &random))
      modules.append(BatchNorm(outputs))
      modules.append(ReLU())
    }
    features = Named("features", Sequential(modules))
    classifier = Named("classifier", Linear(64, classes, using: &random))
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    let x = pass(features, x)
    let means = pass.perform(GlobalAveragePool(), [x], x.globalAveragePooled())
    return pass(classifier, means)
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try features.visit(path, body)
    try classifier.visit(path, body)
  }
}
