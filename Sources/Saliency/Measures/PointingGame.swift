import Components

/// The pointing game (Zhang et al. 2016): 1 if the map's largest value lies on the label's objects or within the
/// tolerance of them, otherwise 0. An object covers its mask, or its box if it has no mask. Papers usually report the
/// mean over classes.
public struct PointingGame: Measure {
  public let name = "pointing_game"
  public let explanation =
    "Pointing game: how often the largest value lies on the label's object; also the mean over classes, and the mean over "
    + "images whose object covers less than a quarter (small) and has other objects beside it (difficult)."
  public let isHigherBetter: Bool? = true
  public let isPercent = true
  /// The tolerance, in pixels.
  public var tolerance: Int

  /// Creates the measure; the default tolerance is 15 pixels, as in the paper.
  public init(tolerance: Int = 15) { self.tolerance = tolerance }

  public mutating func visit(_ keys: Keys) { keys("tolerance", &tolerance, .integer(0...1000)) }

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    guard let region = image.region else { return .undefined("no region") }
    return image.map(of: image.label, at: setting).pointing(at: region, tolerance: tolerance)
  }

  public var columns: [MeasureColumn] {
    [
      .byClass, .images("small", key: "small", where: \.isSmall),
      // Difficult images (Zhang et al. 2018) have small objects of the label and objects of other classes.
      .images(
        "difficult", key: "difficult", isShown: { $0.contains(where: \.hasDistractors) }, where: \.isDifficult),
    ]
  }

  public var baselines: [MeasureBaseline] {
    [
      MeasureBaseline("the image's centre", key: "centre") { [tolerance] image in
        image.region.map { ImageMap.pointingOfCentre(at: $0, tolerance: tolerance) } ?? .undefined("no region")
      }
    ]
  }
}

extension ImageMap {
  /// The result of the pointing game: 1 if the map's largest value lies in the region or within the tolerance of it,
  /// otherwise 0. A distance equal to the tolerance counts as a hit here, but not in TorchRay.
  public func pointing(at region: Region, tolerance: Int = 15) -> Score.Value {
    guard region.share > 0 else { return .undefined("no region") }
    if let undefined = state.undefined { return undefined }
    let (x, y) = peak
    return .defined(region.contains(x: x, y: y, within: tolerance) ? 1 : 0)
  }

  /// The result of the pointing game for the image's centre, as a baseline.
  public static func pointingOfCentre(at region: Region, tolerance: Int = 15) -> Score.Value {
    guard region.share > 0 else { return .undefined("no region") }
    return .defined(region.contains(x: region.width / 2, y: region.height / 2, within: tolerance) ? 1 : 0)
  }
}
