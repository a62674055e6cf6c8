import Tensors

/// A layer without parameters, which has a place and a name in a network all the same.
public enum FixedLayer: Module {
  /// Maxima over square windows; see `Tensor.maxPooled`.
  case maxPool(window: Int, stride: Int, padding: Int = 0, coveringEdges: Bool = false)
  /// Means over square windows that lie side by side.
  case averagePool(window: Int)
  /// Means over as many windows as this on each side, whatever the size of the image.
  case adaptiveAveragePool(Int)
  /// The mean over all locations: an image [N, H, W, C] to [N, C].
  case globalAveragePool
  /// An image [N, H, W, C] to rows [N, C·H·W], in the order that PyTorch's linear layers expect.
  case flatten
  /// The positive part, at most 6 (Sandler et al. 2018).
  case relu6
  /// x times the sigmoid of x (Elfwing et al. 2017).
  case siLU
  /// x times the normal distribution's cumulative function of x (Hendrycks and Gimpel 2016).
  case geLU
  /// Where the original has dropout: nothing, in training neither. A virtual update and the maps after it are functions of
  /// the image alone, which dropout would make random.
  case omittedDropout

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    switch self {
    case .maxPool(let window, let stride, let padding, let coveringEdges):
      x.maxPooled(window: window, stride: stride, padding: padding, coveringEdges: coveringEdges)
    case .averagePool(let window): x.averagePooled(window: window, stride: window)
    case .adaptiveAveragePool(let side): x.adaptivelyAveragePooled(height: side, width: side)
    case .globalAveragePool: x.globalAveragePooled()
    case .flatten: x.permuted([0, 3, 1, 2]).reshaped([x.shape[0], -1])
    case .relu6: x.relu.limited(to: 6)
    case .siLU: x * x.sigmoid
    case .geLU: x * ((x * 0.5.squareRoot()).erf + 1) * 0.5
    case .omittedDropout: x
    }
  }

  public func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {}
}
