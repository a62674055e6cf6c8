import Components
import Saliency
import Tensors

/// The spread of the label's map over the image: (‖M‖₁ / ‖M‖₂ − 1) / (√n − 1) for a map of n locations; the mean over layers and weights. It
/// is one less the sparseness of Hoyer 2004 ("Non-negative Matrix Factorization with Sparseness Constraints", section 3.1): 0 if one location
/// has everything, 1 if all have the same, and it does not depend on the map's scale. A map of zeros counts as 1, and one of a
/// single location as 0.
public struct Sparsity: OuterObjective {
  public let name = "sparsity"
  /// The weights at which maps are made; the value is the mean over them.
  public var at: [MapWeights]

  /// Creates the objective; by default at the network's own weights.
  public init(at: [MapWeights] = [.plain]) { self.at = at }

  public mutating func visit(_ keys: Keys) {
    keys("at", &at, .list(.choice(), atLeast: 1))
    keys.requireDistinct("at", at.map(\.rawValue))
  }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(layers: maps.layers, usesVirtualWeights: at.contains(.virtual))
  }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    images.terms(at: at, of: [images.labels]) { layers in layers.map { Self.value($0[0]) }.mean }
  }

  /// The value for maps [N, h, w]: [N].
  static func value(_ map: Tensor) -> Tensor {
    let flat = map.reshaped([map.shape[0], -1])
    let root = Double(flat.shape[1]).squareRoot()
    guard root > 1 else { return flat.sum([1]) * 0 }
    // The map is divided by its norm first, so that no sum of large elements overflows.
    let norm = flat.norm([1], keepDims: true)
    let ratio = (flat * norm.reciprocalOrZero).abs.sum([1])
    // A map of zeros, whose ratio is 0, gets the ratio of a constant map.
    let isZero = Tensor(norm.doubles.map { $0 == 0 ? 1.0 : 0 }).converted(to: map.scalarType)
    return (ratio + isZero * root - 1) / (root - 1)
  }
}
