import MetasalKit

/// Two 3×3 convolutions with batch norms and ReLUs, the second with stride 2, then global average pooling and a linear layer.
struct TwoStages: Module {
  var features: Named<Sequential>
  var head: Named<Linear>

  init(width: Int = 16, classes: Int, using random: inout RandomSource?) {
    features = Named(
      "features",
      Sequential([
        Convolution(3, width, size: 3, padding: 1, using: &random), BatchNorm(width), ReLU(),
        Convolution(width, width, size: 3, stride: 2, padding: 1, using: &random), BatchNorm(width), ReLU(),
      ]))
    head = Named("head", Linear(width, classes, using: &random))
  }

  func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    pass(head, pass("pool", GlobalAveragePool(), pass(features, x)))
  }

  mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try features.visit(path, body)
    try head.visit(path, body)
  }
}

extension Architecture {
  /// The network under its name.
  static let twoStages = Architecture("two_stages", usualSide: 32) { TwoStages(classes: $0, using: &$1) }
}
