import Networks
import Tensors

/// Phase one of a saliency method: the identity operation whose weights' gradient is a sum over locations. The term of that
/// sum at one location is what the second phase turns into a number ("There and Back Again", section 3.1).
public enum Extract: Sendable, Hashable {
  /// The term is the gradient g, of C numbers.
  case bias
  /// The term is g ⊙ x, of C numbers.
  case scaling
  /// The term is the outer product of g and the k×k neighbourhood of x, with zeros around the image: C · k²C numbers.
  /// k is odd.
  case convolution(size: Int)
  /// The term is each channel's neighbourhood times that channel's g: k²C numbers. k is odd.
  case depthwise(size: Int)
  /// No identity, but a convolution that the network has: the term is the outer product of the gradient at its response
  /// and the window of its input.
  case ownConvolution
}

/// Phase two: one number from the term at a location.
public enum Aggregate: String, Sendable, Hashable, CaseIterable {
  /// The L2 norm.
  case norm
  /// The L2 norm of the positive part.
  case filteredNorm = "filtered_norm"
  /// The signed sum.
  case sum
  /// The largest, with its sign.
  case max
  /// The largest absolute value.
  case maxAbs = "max_abs"
  /// The sum of the positive part.
  case positive
}

extension Extract {
  /// The map [N, H, W] of activations x and gradients g, both [N, H, W, C]. For ``ownConvolution`` they are the convolution's
  /// response and the gradient there.
  ///
  /// Terms are never built: norms and sums of a product are products of norms and sums, positive parts follow from the
  /// factors' positive and negative parts, and extremes from the factors' extremes. For ``ownConvolution``, `convolution`
  /// says how the response came about.
  func map(_ x: Tensor, _ g: Tensor, _ aggregate: Aggregate, of convolution: CapturedConvolution? = nil) -> Tensor {
    switch self {
    case .bias: return Self.aggregated(g, aggregate)
    case .scaling: return Self.aggregated(g * x, aggregate)
    case .convolution(let size):
      return Self.outerProduct(g, Windows(x, size: size), aggregate)
    case .depthwise(let size):
      return Self.channelProduct(g, Windows(x, size: size), aggregate)
    case .ownConvolution:
      guard let convolution else { preconditionFailure("Extract: no convolution was captured") }
      // Each group is an outer product of its own.
      let groups = convolution.geometry.groups
      let (inputs, outputs) = (convolution.input.shape[3] / groups, g.shape[3] / groups)
      let parts = (0..<groups).map { group in
        let input = convolution.input.sliced(axis: 3, from: group * inputs, length: inputs)
        let derivative = g.sliced(axis: 3, from: group * outputs, length: outputs)
        let map = Self.outerProduct(derivative, Windows(input, of: convolution), aggregate)
        return map.reshaped(map.shape + [1])
      }
      return groups == 1
        ? parts[0].reshaped(g.shape.dropLast()) : aggregate.joining(.concatenated(parts, axis: 3))
    }
  }

  private static func aggregated(_ term: Tensor, _ aggregate: Aggregate) -> Tensor {
    switch aggregate {
    case .norm: term.norm([3])
    case .filteredNorm: term.relu.norm([3])
    case .sum: term.sum([3])
    case .max: term.maximum()
    case .maxAbs: term.abs.maximum()
    case .positive: term.relu.sum([3])
    }
  }

  /// Of the outer product of a location's gradient and its window.
  private static func outerProduct(_ g: Tensor, _ x: Windows, _ aggregate: Aggregate) -> Tensor {
    /// Positive parts of a product come from factors that are both positive or both negative.
    func parts(_ measure: (Tensor) -> Tensor, _ sum: (Tensor) -> Tensor) -> [Tensor] {
      [measure(g.relu) * sum(x.values.relu), measure((-g).relu) * sum((-x.values).relu)]
    }
    func norms(_ values: Tensor) -> Tensor {
      x.isTrivial ? values.norm([3]) : x.sums(values.squared.sum([3], keepDims: true)).sqrt.squeezed
    }
    func sums(_ values: Tensor) -> Tensor { x.sums(values.sum([3], keepDims: true)).squeezed }
    func stacked(_ maps: [Tensor]) -> Tensor { .concatenated(maps.map { $0.reshaped($0.shape + [1]) }, axis: 3) }
    switch aggregate {
    case .norm: return g.norm([3]) * norms(x.values)
    case .sum: return g.sum([3]) * sums(x.values)
    case .filteredNorm: return stacked(parts({ $0.norm([3]) }, norms)).norm([3])
    case .positive: return stacked(parts({ $0.sum([3]) }, sums)).sum([3])
    case .max, .maxAbs:
      let derivatives = [g.maximum(), -(-g).maximum()]
      let values = [x.maxima(x.values).maximum(), -x.maxima(-x.values).maximum()]
      let products = stacked(derivatives.flatMap { derivative in values.map { derivative * $0 } })
      return aggregate == .max ? products.maximum() : products.abs.maximum()
    }
  }

  /// Of each channel's gradient times that channel's window.
  private static func channelProduct(_ g: Tensor, _ x: Windows, _ aggregate: Aggregate) -> Tensor {
    func norms(_ values: Tensor) -> Tensor { x.sums(values.squared).sqrt }
    let (up, down) = (g.relu, (-g).relu)
    let (above, below) = (x.values.relu, (-x.values).relu)
    switch aggregate {
    case .norm: return (g * norms(x.values)).norm([3])
    case .sum: return (g * x.sums(x.values)).sum([3])
    case .filteredNorm: return Tensor.concatenated([up * norms(above), down * norms(below)], axis: 3).norm([3])
    case .positive: return (up * x.sums(above) + down * x.sums(below)).sum([3])
    case .max, .maxAbs:
      let products = Tensor.concatenated([g * x.maxima(x.values), -(g * x.maxima(-x.values))], axis: 3)
      return aggregate == .max ? products.maximum() : products.abs.maximum()
    }
  }
}

extension Aggregate {
  /// From the values of groups of a term, along the last axis, that of the whole term.
  fileprivate func joining(_ groups: Tensor) -> Tensor {
    switch self {
    case .norm, .filteredNorm: groups.norm([3])
    case .sum, .positive: groups.sum([3])
    case .max, .maxAbs: groups.maximum()
    }
  }
}

extension Tensor {
  /// [N, H, W, 1] as [N, H, W].
  fileprivate var squeezed: Tensor { reshaped(shape.dropLast()) }
}
