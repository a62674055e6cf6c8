import Components

/// The share of a map's positive part in the outermost ring of the map at the layer's own resolution, one location
/// wide. Locations at the border see zero padding, and maps that are trained only to differ between classes can move
/// there without saying anything about the image.
///
/// The ring is taken before the map is resized, because interpolation spreads the values of border locations inwards.
/// It therefore covers more of the area at coarse layers; the ring's share of the area, which a uniform map has, stands
/// in a row for each layer. Maps of at most two rows or columns have no interior, and no value.
public struct BorderShare: Measure {
  public let name = "border_share"
  public let isHigherBetter: Bool? = false
  /// The class whose map is measured.
  public var explain: ExplainedClass

  /// Creates the measure; by default for the map of the label.
  public init(explain: ExplainedClass = .label) { self.explain = explain }

  public mutating func visit(_ keys: Keys) { keys("explain", &explain, .choice()) }

  public var resultName: String { explain == .label ? name : "\(name)_\(explain.rawValue)" }

  public var explanation: String {
    "Border share: the share of positive saliency in the outermost ring of locations of the layer, for \(explain.words)."
  }

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    image.map(of: explain.class(of: image), at: setting).borderShare
  }

  public func obstacle(_ conditions: MeasureConditions) -> String? {
    explain == .second || explain == .bottom ? conditions.comparisonObstacle : nil
  }

  public func baselines(at layers: [String]) -> [MeasureBaseline] {
    layers.map { layer in
      MeasureBaseline("the ring's share of the area", key: "\(resultName)_area", layer: layer) { image in
        guard let size = image.mapSize(at: layer) else { return .undefined("no map at this layer") }
        return .defined(Region.ring(width: size.width, height: size.height).share)
      }
    }
  }
}

/// The class whose map a measure looks at.
public enum ExplainedClass: String, Sendable, CaseIterable {
  /// The image's label.
  case label
  /// The most likely class.
  case top
  /// The second most likely class.
  case second
  /// The least likely class.
  case bottom

  /// The class of an image.
  public func `class`(of image: EvaluatedImage) -> Int {
    switch self {
    case .label: image.label
    case .top: image.top
    case .second: image.ranking[min(1, image.ranking.count - 1)]
    case .bottom: image.bottom
    }
  }

  var words: String {
    switch self {
    case .label: "the label"
    case .top: "the most likely class"
    case .second: "the second most likely class"
    case .bottom: "the least likely class"
    }
  }
}

extension Region {
  /// The outermost ring of an image or a map, one pixel wide.
  public static func ring(width: Int, height: Int) -> Region {
    Region(
      width: width, height: height,
      boxes: [
        (0..<width, 0..<1), (0..<width, (height - 1)..<height), (0..<1, 0..<height), ((width - 1)..<width, 0..<height),
      ])
  }
}

extension ImageMap {
  /// The share of the map's positive part in the outermost ring of locations at the layer's own resolution.
  public var borderShare: Score.Value {
    let map = unresized
    if let undefined = map.state.undefined { return undefined }
    guard min(map.width, map.height) > 2 else { return .undefined("map without an interior") }
    return map.energy(in: .ring(width: map.width, height: map.height))
  }
}
