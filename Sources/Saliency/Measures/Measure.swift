/// What maps can be judged by. Where nothing else is said, the map is that of the image's label.
public enum Measure: String, Sendable, CaseIterable {
  /// The rank correlation of the maps for the most and the least likely class; see ``ImageMap/rankCorrelation(with:)``.
  case classSensitivity = "class_sensitivity"
  /// The same of the most and the second likeliest class.
  case topSecondSensitivity = "top_second_sensitivity"
  /// The same, the mean over all pairs of classes.
  case pairwiseSensitivity = "pairwise_sensitivity"
  /// See ``ImageMap/pointing(at:tolerance:)``. The region is what the label's objects cover together: each one's mask, or else
  /// its box.
  case pointingGame = "pointing_game"
  /// The share of positive saliency on the same region.
  case energy
  /// The same where a mask is part of the region; undefined of boxes alone.
  case contentHeatmap = "content_heatmap"
  /// See ``ImageMap/gridPointing(cell:cells:)``.
  case gridPointing = "grid_pointing"
  /// See ``DeletionGame``.
  case insertion, deletion
  /// See ``RemoveAndDebias``.
  case road
  /// See ``ImageMap/sparseness``.
  case sparseness
  /// The rank correlation of the map with those of networks made random from the last layer on, the mean over how many are.
  case cascadingRandomization = "cascading_randomization"
  /// The rank correlation of the map with those of networks with one random layer, the mean over layers.
  case independentRandomization = "independent_randomization"
  /// See ``Robustness``.
  case infidelity
  case maxSensitivity = "max_sensitivity"

  /// Whether more is better; nil where neither is.
  public var isHigherBetter: Bool? {
    switch self {
    case .pointingGame, .energy, .contentHeatmap, .gridPointing, .insertion, .road: true
    case .sparseness: nil
    default: false
    }
  }
}
