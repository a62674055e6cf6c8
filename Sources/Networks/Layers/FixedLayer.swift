import Tensors

/// A layer without parameters. It has a place and a name in the network like any other layer.
public protocol FixedLayer: Module {}

extension FixedLayer {
  public func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {}
}

/// Flattens an image [N, H, W, C] to rows [N, C·H·W], in the order that PyTorch's linear layers expect: channels, rows,
/// columns.
public struct Flatten: FixedLayer, TracedOperation {
  /// Creates the layer, which has no settings.
  public init() {}
  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    x.permuted([0, 3, 1, 2]).reshaped([x.shape[0], -1])
  }
  public func shape(of inputs: [[Int]]) -> [Int] { [inputs[0][0], inputs[0].dropFirst().reduce(1, *)] }
  public var sign: ResultSign { .asInputs }
  public var excitation: ExcitationUse { .passes }
}

extension LayerWord {
  /// The word `flatten`.
  static let flatten = LayerWord("flatten") { layer, input throws(LayerDescription.Malformed) in
    guard let side = input.side else {
      throw layer.malformed(
        "an adaptive_average_pool has to come right before it, so that the number of features is known")
    }
    return LayerPlan(channels: input.channels * side * side, isFlat: true, size: { _ in 1 }) { _ in Flatten() }
  }
}
