import MetasalKit

/// How much of the image the label's map covers: the share of the pixels whose value is more than a part of the largest one.
struct Coverage: Measure {
  let name = "coverage"
  let explanation = "Coverage: the share of the pixels above a part of the map's largest value."
  let isHigherBetter: Bool? = nil
  /// The part of the largest value.
  var threshold = 0.5

  mutating func visit(_ keys: Keys) { keys("threshold", &threshold, .share) }

  func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    value(of: image.map(of: image.label, at: setting))
  }

  func value(of map: ImageMap) -> Score.Value {
    guard map.state == .defined else { return .undefined(map.state.rawValue) }
    let largest = map.values.max() ?? 0
    guard largest > 0 else { return .undefined("no positive saliency") }
    return .defined(Double(map.values.count { $0 > threshold * largest }) / Double(map.values.count))
  }
}
