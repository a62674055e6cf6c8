/// The energy-based pointing game (Wang et al. 2020): the share of the map's positive part that lies on the label's
/// objects. An object covers its mask, or its box if it has no mask. The expected value of a random map is the region's
/// share of the image.
public struct Energy: Measure {
  public let name = "energy"
  public let explanation =
    "Energy: the share of positive saliency on the label's objects, by their masks or else their boxes."
  public let isHigherBetter: Bool? = true

  /// Creates the measure, which has no settings.
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
    // In scaled values, values that are positive only by rounding are 0, and the sum is finite.
    let positive = scaled.map { max(0, $0) }
    let total = positive.reduce(0, +)
    guard total > 0 else { return .undefined("no positive saliency") }
    return .defined(zip(positive, region.covers).reduce(0) { $1.1 ? $0 + $1.0 : $0 } / total)
  }
}
