/// The energy-based pointing game (Wang et al. 2020): the share of the map's positive part on what the label's objects
/// cover, each one's mask or else its box. Chance is the region's share of the image.
public struct Energy: Measure {
  public let name = "energy"
  public let explanation =
    "Energy: the share of positive saliency on the label's objects, each by its mask or else its box."
  public let isHigherBetter: Bool? = true

  /// It has no settings.
  public init() {}

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    guard let region = image.region else { return .undefined("no region") }
    return image.map(of: image.label, at: setting).energy(in: region)
  }
}

extension ImageMap {
  /// The share of the map's positive part that lies in the region.
  public func energy(in region: Region) -> Score.Value {
    guard region.share > 0 else { return .undefined("no region") }
    if let undefined = state.undefined { return undefined }
    // What is positive by rounding alone is not counted, and nothing is so large that the sum of all is infinite.
    let positive = scaled.map { max(0, $0) }
    let total = positive.reduce(0, +)
    guard total > 0 else { return .undefined("no positive saliency") }
    return .defined(zip(positive, region.covers).reduce(0) { $1.1 ? $0 + $1.0 : $0 } / total)
  }
}
