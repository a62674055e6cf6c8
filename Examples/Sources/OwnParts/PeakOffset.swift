import MetasalKit

/// The distance of the largest value of the label's map from the center of the image, in units of half the diagonal.
struct PeakOffset: Measure {
  let name = "peak_offset"
  let explanation = "Peak offset: how far from the middle of the image the largest value lies; 1 is a corner."
  let isHigherBetter: Bool? = nil

  func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    let map = image.map(of: image.label, at: setting)
    guard map.state == .defined else { return .undefined(map.state.rawValue) }
    let (width, height) = (Double(map.width - 1), Double(map.height - 1))
    let (x, y) = (2 * Double(map.peak.x) - width, 2 * Double(map.peak.y) - height)
    return .defined(((x * x + y * y) / (width * width + height * height)).squareRoot())
  }
}
