/// Class sensitivity for the two most likely classes: Spearman's rank correlation between their maps.
public struct TopSecondSensitivity: Measure {
  public let name = "top_second_sensitivity"
  public let explanation =
    "Class sensitivity between the two most likely classes: the rank correlation of their maps."
  public let isHigherBetter: Bool? = false
  public let aspect: MeasureAspect? = .classSensitivity

  /// Creates the measure, which has no settings.
  public init() {}

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    let second = image.ranking[min(1, image.ranking.count - 1)]
    return image.map(of: image.top, at: setting).rankCorrelation(with: image.map(of: second, at: setting))
  }

  public func obstacle(_ conditions: MeasureConditions) -> String? { conditions.comparisonObstacle }
}
