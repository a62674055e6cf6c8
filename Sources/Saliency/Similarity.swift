import Tensors

/// How alike two maps are, differentiably: what training uses.
public enum Similarity: String, Sendable, CaseIterable {
  /// Pearson's correlation over the locations.
  case pearson
  /// The cosine of the angle between the maps.
  case cosine

  /// For maps [N, H, W] of N images: [N]. Where one of two maps is constant (Pearson) or zero (cosine) the value and its
  /// derivatives are 0. Constant is what differs by no more than rounding: of such a map less its mean nothing is
  /// left but the mean's own error.
  public func callAsFunction(_ a: Tensor, _ b: Tensor) -> Tensor { (direction(a) * direction(b)).sum([1]) }

  /// Maps as vectors of length 1, each by itself, so that no product of two norms leaves the range of numbers; [N, H · W].
  private func direction(_ map: Tensor) -> Tensor {
    let flat = map.reshaped([map.shape[0], -1])
    let vector = self == .pearson ? (flat - flat.mean([1], keepDims: true)) * Self.varies(flat) : flat
    return vector * vector.norm([1], keepDims: true).reciprocalOrZero
  }

  /// For each row 0 where it is constant, else 1: [N, 1].
  private static func varies(_ rows: Tensor) -> Tensor {
    let isVaried = (0..<rows.shape[0]).map { rows.sliced(axis: 0, from: $0, length: 1).range == nil ? 0.0 : 1 }
    return Tensor(isVaried, shape: [isVaried.count, 1]).converted(to: rows.scalarType)
  }
}
