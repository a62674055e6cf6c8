/// Class sensitivity over all pairs of classes: the mean of Spearman's rank correlation between their maps.
public struct PairwiseSensitivity: Measure {
  public let name = "pairwise_sensitivity"
  public let explanation =
    "Class sensitivity over all pairs of classes: the mean rank correlation of their maps."
  public let isHigherBetter: Bool? = false
  public let aspect: MeasureAspect? = .classSensitivity

  /// Creates the measure, which has no settings.
  public init() {}

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    ImageMap.meanRankCorrelation((0..<image.logits.count).map { image.map(of: $0, at: setting) })
  }

  public func obstacle(_ conditions: MeasureConditions) -> String? { conditions.comparisonObstacle }
}
