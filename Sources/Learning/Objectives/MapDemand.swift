/// What an objective asks of saliency maps. A map that only has to differ from that of another class can be anything,
/// noise included, so an outer loss should also have an objective that says where maps lie.
public enum MapDemand: Sendable {
  /// Maps of different classes have to differ.
  case difference
  /// A map has to lie at a certain place, such as on the image of its class.
  case place
}

extension MetaStep {
  /// The names of the objectives that ask only that maps differ, if no objective says where maps lie; otherwise empty.
  /// Objectives of weight 0 do not count.
  public var objectivesWithoutPlace: [String] {
    let active = objectives.filter { $0.weight != 0 }.map(\.objective)
    guard !active.contains(where: { $0.mapDemand == .place }) else { return [] }
    return active.filter { $0.mapDemand == .difference }.map(\.name)
  }

  /// Whether some objective of a weight other than 0 asks something of maps.
  public var demandsMaps: Bool { objectives.contains { $0.weight != 0 && $0.objective.mapDemand != nil } }
}
