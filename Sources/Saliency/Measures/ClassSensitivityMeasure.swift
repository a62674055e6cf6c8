/// Class sensitivity ("There and Back Again", section 4.2): Spearman's rank correlation between the maps for the most and
/// the least likely class, each at the image's resolution. At 1 the map does not depend on the class.
public struct ClassSensitivityMeasure: Measure {
  public let name = "class_sensitivity"
  public let explanation =
    "Class sensitivity: the rank correlation between the maps for the most and the least likely class."
  public let isHigherBetter: Bool? = false
  public let aspect: MeasureAspect? = .classSensitivity

  /// Creates the measure, which has no settings.
  public init() {}

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    image.map(of: image.top, at: setting).rankCorrelation(with: image.map(of: image.bottom, at: setting))
  }

  public func obstacle(_ conditions: MeasureConditions) -> String? { conditions.comparisonObstacle }
}
