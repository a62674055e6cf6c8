/// The Gini index of the map's absolute values (Chalasani et al. 2020): 0 if all values are equal, near 1 if a few
/// pixels hold almost everything.
public struct Sparseness: Measure {
  public let name = "sparseness"
  public let explanation = "Sparseness: the Gini index of absolute values; 0 is uniform, 1 is one single place."
  public let isHigherBetter: Bool? = nil

  /// Creates the measure, which has no settings.
  public init() {}

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    image.map(of: image.label, at: setting).sparseness
  }
}

extension ImageMap {
  /// The Gini index of the map's absolute values.
  public var sparseness: Score.Value {
    guard state != .notFinite else { return .undefined(state.rawValue) }
    let sorted = scaled.map(abs).sorted()
    let total = sorted.reduce(0, +)
    guard total > 0 else { return .undefined("no saliency") }
    let count = Double(sorted.count)
    let weighted = sorted.enumerated().reduce(0) { $0 + (2 * Double($1.offset + 1) - count - 1) * $1.element }
    return .defined(weighted / (count * total))
  }
}
