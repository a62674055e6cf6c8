import Components

/// The pointing game (Zhang et al. 2016): 1 if the map's largest value lies on the objects of the class that the map
/// explains or within the tolerance of them, otherwise 0. An object covers its mask, or its box if it has no mask.
/// Papers usually report the mean over classes.
///
/// It is measured for the label, or for the image's other annotated classes, or for all of them, as the mean over
/// classes.
public struct PointingGame: Measure {
  public let name = "pointing_game"
  public let isHigherBetter: Bool? = true
  public let aspect: MeasureAspect? = .localization
  public let isPercent = true
  /// The tolerance, in pixels.
  public var tolerance: Int
  /// The classes whose maps are measured.
  public var explain: ObjectChoice

  /// Creates the measure; by default for the label with a tolerance of 15 pixels, as in the paper.
  public init(tolerance: Int = 15, explain: ObjectChoice = .label) {
    (self.tolerance, self.explain) = (tolerance, explain)
  }

  public mutating func visit(_ keys: Keys) {
    keys("tolerance", &tolerance, .integer(0...1000))
    keys("explain", &explain, .choice())
  }

  public var resultName: String { name + explain.suffix }

  public var explanation: String {
    guard explain == .label else { return "Pointing game: how often the largest value lies on \(explain.words)." }
    return
      "Pointing game: how often the largest value lies on the label's object; also the mean over classes, and the mean "
      + "over images whose object covers less than a quarter (small) and has other objects beside it (difficult)."
  }

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    explain.mean(in: image) { image.map(of: $0, at: setting).pointing(at: $1, tolerance: tolerance) }
  }

  public var columns: [MeasureColumn] {
    // These columns are about the label and its objects.
    guard explain == .label else { return [] }
    return [
      .byClass, .images("small", key: "small", where: \.isSmall),
      // Difficult images (Zhang et al. 2018) have small objects of the label and objects of other classes.
      .images(
        "difficult", key: "difficult", isShown: { $0.contains(where: \.hasDistractors) }, where: \.isDifficult),
    ]
  }

  public func baselines(at layers: [String]) -> [MeasureBaseline] {
    [
      MeasureBaseline("the image's centre", key: explain == .label ? "centre" : "\(resultName)_centre") {
        [tolerance, explain] image in
        explain.mean(in: image) { ImageMap.pointingOfCentre(at: $1, tolerance: tolerance) }
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
