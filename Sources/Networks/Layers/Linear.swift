import Tensors

/// A linear layer over the channels: x [..., I] to x·Wᵀ + b [..., O].
public struct Linear: Module {
  /// The weight matrix, [O, I].
  public var weight: Tensor
  /// The bias, [O].
  public var bias: Tensor

  /// Creates a layer; by default its parameters are drawn as PyTorch draws them.
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

extension Linear: TracedOperation {
  public func shape(of inputs: [[Int]]) -> [Int] {
    // Features of another number have no result.
    let fits = inputs[0].last == weight.shape[weight.rank - 1]
    return inputs[0].dropLast() + [fits ? weight.shape[weight.rank - 2] : 0]
  }

  public var excitation: ExcitationUse { .needsNonNegative }
}

extension LayerWord {
  /// The word `linear 100`, whose number is that of the output features. As the last layer it may be `linear` alone,
  /// since its number is that of the classes.
  static let linear = LayerWord(
    "linear", number: .optional, needsLocations: false
  ) { layer, input throws(LayerDescription.Malformed) in
    guard input.isFlat else { throw layer.malformed("flatten or global_average_pool has to come before it") }
    guard input.isLast == (layer.number == nil) else {
      throw layer.malformed(
        input.isLast
          ? "the last layer takes no number: its features are the classes" : "it needs a number of features")
    }
    let (features, outputs) = (input.channels, layer.number ?? input.classes)
    return LayerPlan(
      channels: outputs, isFlat: true, parameterCount: (Double(features) + 1) * Double(outputs)
    ) { random in Linear(features, outputs, using: &random) }
  }
}
