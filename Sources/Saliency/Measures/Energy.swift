/// The energy-based pointing game (Wang et al. 2020): the share of the map's positive part that lies on the objects of
/// the class that the map explains. An object covers its mask, or its box if it has no mask. The expected value of a
/// random map is the region's share of the image, which is the baseline.
///
/// It is measured for the label, or for the image's other annotated classes, or for all of them, as the mean over
/// classes.
public struct Energy: ObjectMeasure {
  public let name = "energy"
  /// The classes whose maps are measured.
  public var explain: ObjectChoice

  /// Creates the measure; by default for the label.
  public init(explain: ObjectChoice = .label) { self.explain = explain }

  public var explanation: String {
    "Energy: the share of positive saliency on \(explain.words), by their masks or else their boxes."
  }

  public func value(of map: ImageMap, in region: Region) -> Score.Value { map.energy(in: region) }
}

extension ImageMap {
  /// The share of the map's positive part that lies in the region.
  public func energy(in region: Region) -> Score.Value {
    guard region.share > 0 else { return .undefined("no region") }
    if let undefined = state.undefined { return undefined }
    // In scaled values, values that are positive only by rounding are 0, and the sum is finite.
    let positive = scaled.map { max(0, $0) }
    let total = positive.reduce(0, +)
    guard total > 0 else { return .undefined("no positive saliency") }
    return .defined(zip(positive, region.covers).reduce(0) { $1.1 ? $0 + $1.0 : $0 } / total)
  }
}
