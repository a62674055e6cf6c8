import Tensors

/// Phase one of a saliency method: the virtual identity operation whose weights' gradient is a sum over locations. The
/// term of that sum at one location is what the second phase turns into a number ("There and Back Again", section 3).
public enum Extract: Sendable {
  /// The term is the gradient g, of C numbers.
  case bias
  /// The term is g ⊙ x, of C numbers.
  case scaling
  /// The term is the outer product g xᵀ, of C · C numbers.
  case convolution1x1
}

/// Phase two: one number from the term at a location.
public enum Aggregate: Sendable {
  /// The L2 norm.
  case norm
  /// The L2 norm of the positive part.
  case filteredNorm
  /// The signed sum.
  case sum
  /// The largest absolute value.
  case maximumMagnitude
}

extension Extract {
  /// The map [N, H, W] of activations x and slopes g, both [N, H, W, C].
  ///
  /// Outer products are never built: their norm and their sum are products of the factors' norms and sums, and their
  /// positive parts and extremes follow from the factors' positive and negative parts.
  func map(_ x: Tensor, _ g: Tensor, _ aggregate: Aggregate) -> Tensor {
    switch self {
    case .bias: return Self.aggregated(g, aggregate)
    case .scaling: return Self.aggregated(g * x, aggregate)
    case .convolution1x1:
      switch aggregate {
      case .norm: return g.norm([3]) * x.norm([3])
      case .sum: return g.sum([3]) * x.sum([3])
      case .maximumMagnitude: return g.magnitude.maximum() * x.magnitude.maximum()
      case .filteredNorm:
        // ‖(g xᵀ)⁺‖² = ‖g⁺‖²‖x⁺‖² + ‖g⁻‖²‖x⁻‖², which is the norm of the two products.
        let up = g.rectified.norm([3]) * x.rectified.norm([3])
        let down = (-g).rectified.norm([3]) * (-x).rectified.norm([3])
        return Tensor.concatenated([up, down].map { $0.reshaped($0.shape + [1]) }, axis: 3).norm([3])
      }
    }
  }

  private static func aggregated(_ term: Tensor, _ aggregate: Aggregate) -> Tensor {
    switch aggregate {
    case .norm: term.norm([3])
    case .filteredNorm: term.rectified.norm([3])
    case .sum: term.sum([3])
    case .maximumMagnitude: term.magnitude.maximum()
    }
  }
}
