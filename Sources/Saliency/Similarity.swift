import Tensors

/// How alike two maps are, differentiably: what training uses.
public enum Similarity: String, Sendable, CaseIterable {
  /// Pearson's correlation over the locations.
  case pearson
  /// The cosine of the angle between the maps.
  case cosine

  /// For maps [N, H, W] of N images: [N]. Where one of two maps is constant (Pearson) or zero (cosine) the value and its
  /// derivatives are 0.
  public func callAsFunction(_ a: Tensor, _ b: Tensor) -> Tensor {
    let (u, v) = (prepared(a), prepared(b))
    return (u * v).sum([1]) * (u.norm([1]) * v.norm([1])).reciprocalOrZero
  }

  private func prepared(_ map: Tensor) -> Tensor {
    let flat = map.reshaped([map.shape[0], -1])
    return self == .pearson ? flat - flat.mean([1], keepingAxes: true) : flat
  }
}
