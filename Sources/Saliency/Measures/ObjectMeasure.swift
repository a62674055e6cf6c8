import Components

/// A measure of how a map lies on annotated objects, whose value for a random map is the objects' share of the image. It is
/// measured for the label, or for the image's other annotated classes, or for all of them, as the mean over classes. An
/// object covers its mask, or its box if it has no mask.
public protocol ObjectMeasure: Measure {
  /// The classes whose maps are measured.
  var explain: ObjectChoice { get set }
  /// The value of a class's map for the union of its objects' regions.
  func value(of map: ImageMap, in region: Region) -> Score.Value
}

extension ObjectMeasure {
  public var isHigherBetter: Bool? { true }
  public var aspect: MeasureAspect? { .localization }

  public mutating func visit(_ keys: Keys) { keys("explain", &explain, .choice()) }

  public var resultName: String { name + explain.suffix }

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    explain.mean(in: image) { value(of: image.map(of: $0, at: setting), in: $1) }
  }

  public func baselines(at layers: [String]) -> [MeasureBaseline] {
    [
      MeasureBaseline("the objects' share of the area", key: "\(resultName)_area") { [explain] image in
        explain.mean(in: image) { $1.share > 0 ? .defined($1.share) : .undefined("no region") }
      }
    ]
  }
}
