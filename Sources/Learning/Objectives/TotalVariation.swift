import Components
import Saliency
import Tensors

/// The total variation of the label's map relative to its sum: Σ |M(u) − M(v)| / Σ |M(u)|, over all pairs of locations u and v that are
/// neighbours in a row or a column; the mean over layers and weights. It is the anisotropic form of the total variation of Rudin, Osher and
/// Fatemi 1992 ("Nonlinear total variation based noise removal algorithms"), which Fong and Vedaldi 2017 ("Interpretable Explanations of
/// Black Boxes by Meaningful Perturbation", section 4.3) use to keep explanations free of noise.
///
/// It does not depend on the map's scale. It is 0 for a constant map and 4 for a single location inside the map. A constant map also has
/// no information: use it beside an objective that says where a map should lie.
public struct TotalVariation: OuterObjective {
  public let name = "total_variation"
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

  /// The value for maps [N, h, w]: [N]; 0 for a map of zeros.
  static func value(_ map: Tensor) -> Tensor {
    let variations = [1, 2].filter { map.shape[$0] > 1 }.map { axis in
      let length = map.shape[axis] - 1
      let difference =
        map.sliced(axis: axis, from: 1, length: length) - map.sliced(axis: axis, from: 0, length: length)
      return difference.abs.sum([1, 2])
    }
    let total = map.abs.sum([1, 2])
    return (variations.isEmpty ? total * 0 : variations.sum) * total.reciprocalOrZero
  }
}
