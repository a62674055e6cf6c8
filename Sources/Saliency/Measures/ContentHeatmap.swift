/// The content heatmap (Pillai and Pirsiavash 2021): the share of the map's positive part that lies on the label's
/// objects, as in ``Energy``. It is defined for images in which at least one of these objects has a mask.
public struct ContentHeatmap: Measure {
  public let name = "content_heatmap"
  public let explanation =
    "Content heatmap: the share of positive saliency on the label's objects, in images where one of them has a mask."
  public let isHigherBetter: Bool? = true
  public let aspect: MeasureAspect? = .localization

  /// Creates the measure, which has no settings.
  public init() {}

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    guard let region = image.region, image.hasMask else { return .undefined("no masks") }
    return image.map(of: image.label, at: setting).energy(in: region)
  }
}
