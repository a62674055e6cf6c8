/// Relevance rank accuracy (Arras, Osman and Samek 2022, "CLEVR-XAI", section 3.3): of as many pixels as the objects of the
/// class cover, taken where the map is largest, the share that lies on them. A map that lies inside an object but covers only
/// a spot of it has a high energy and a low rank accuracy, because beyond the spot its order is noise.
///
/// Of pixels with equal values some may be among the largest and others not; they count by the mean over all choices. The
/// expected value of a random map is the region's share of the image, which is the baseline.
public struct RelevanceRank: ObjectMeasure {
  public let name = "relevance_rank"
  /// The classes whose maps are measured.
  public var explain: ObjectChoice

  /// Creates the measure; by default for the label.
  public init(explain: ObjectChoice = .label) { self.explain = explain }

  public var explanation: String {
    "Relevance rank: of the most salient pixels, as many as the objects cover, the share that lies on \(explain.words)."
  }

  public func value(of map: ImageMap, in region: Region) -> Score.Value { map.rankAccuracy(in: region) }
}

extension ImageMap {
  /// Of the map's largest values, as many as the region has pixels, the share that lies in the region.
  public func rankAccuracy(in region: Region) -> Score.Value {
    guard region.share > 0 else { return .undefined("no region") }
    if let undefined = state.undefined { return undefined }
    let count = region.covers.count { $0 }
    let least = scaled.sorted(by: >)[count - 1]
    let pixels = zip(scaled, region.covers)
    let above = pixels.reduce((all: 0, inside: 0)) { $1.0 > least ? ($0.all + 1, $0.inside + ($1.1 ? 1 : 0)) : $0 }
    let equal = pixels.reduce((all: 0, inside: 0)) { $1.0 == least ? ($0.all + 1, $0.inside + ($1.1 ? 1 : 0)) : $0 }
    let share = Double(count - above.all) / Double(equal.all)
    return .defined((Double(above.inside) + share * Double(equal.inside)) / Double(count))
  }
}
