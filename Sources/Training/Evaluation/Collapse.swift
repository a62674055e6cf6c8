import Saliency

extension Evaluation.Result {
  /// How the network has collapsed, as the end of a sentence; nil if it has not. A collapsed network never becomes a run's
  /// best checkpoint: its outer loss can be low, because maps that are constant or noise satisfy many objectives.
  public var collapse: String? {
    guard images >= 4 else { return nil }
    if notFinite == images { return "no logit of the network is finite" }
    let classes = Set(
      items.map { item in item.logits.indices.max { item.logits[$0] < item.logits[$1] } })
    if classes.count == 1, Set(items.map(\.label)).count > 1 {
      return "the network has collapsed: it takes every image for the same class"
    }
    let constant = MapState.constant.rawValue
    let isConstant = scores.values.contains { settings in
      !settings.isEmpty && settings.values.allSatisfy { $0.mean == nil && Set($0.reasons.keys) == [constant] }
    }
    if isConstant { return "the network has collapsed: all its maps are constant" }
    return nil
  }
}
