import Networks
import Tensors

/// The first phase of a saliency method: a virtual identity layer, whose weight gradient is a sum of terms over
/// locations. The second phase reduces the term at each location to a number ("There and Back Again", section 3.1).
public enum Extract: Sendable, Hashable {
  /// A bias: the term is the gradient g, with C elements.
  case bias
  /// A scaling: the term is g ⊙ x, with C elements.
  case scaling
  /// A convolution: the term is the outer product of g and the k×k neighbourhood of x, with zero padding and C · k²C
  /// elements. k is odd.
  case convolution(size: Int)
  /// A depthwise convolution: the term is each channel's g times the channel's neighbourhood, with k²C elements. k is
  /// odd.
  case depthwise(size: Int)
  /// A convolution of the network instead of an identity: the term is the outer product of the gradient at its output
  /// and the window of its input.
  case ownConvolution
}

/// The second phase of a saliency method, which reduces the term at a location to a number.
public enum Aggregate: String, Sendable, Hashable, CaseIterable {
  /// The L2 norm.
  case norm
  /// The L2 norm of the positive part.
  case filteredNorm = "filtered_norm"
  /// The signed sum.
  case sum
  /// The largest element, with its sign.
  case max
  /// The largest absolute value.
  case maxAbs = "max_abs"
  /// The sum of the positive part.
  case positive
}

extension Extract {
  /// Makes the map [N, H, W] from activations x and gradients g, both [N, H, W, C]. For ``ownConvolution`` they are the
  /// convolution's output and the gradient there, and `convolution` is the record of how the output was computed.
  ///
  /// The terms are never built. Norms and sums of a product are products of norms and sums; positive parts follow from
  /// the positive and negative parts of the factors, and extrema from the extrema of the factors.
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
      // Each group has its own outer product.
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

  /// Aggregates the outer product of each location's gradient and its window.
  private static func outerProduct(_ g: Tensor, _ x: Windows, _ aggregate: Aggregate) -> Tensor {
    /// A product is positive if both factors are positive or both are negative.
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

  /// Aggregates each channel's gradient times the channel's window.
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
  /// Aggregates over groups of a term: the values of the groups, along the last axis, become the value of the whole
  /// term.
  fileprivate func joining(_ groups: Tensor) -> Tensor {
    switch self {
    case .norm, .filteredNorm: groups.norm([3])
    case .sum, .positive: groups.sum([3])
    case .max, .maxAbs: groups.maximum()
    }
  }
}

extension Tensor {
  /// The map [N, H, W, 1] as [N, H, W].
  fileprivate var squeezed: Tensor { reshaped(shape.dropLast()) }
}
