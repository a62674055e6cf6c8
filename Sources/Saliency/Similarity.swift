import Tensors

/// A differentiable similarity of two maps, for training.
public enum Similarity: String, Sendable, CaseIterable {
  /// Pearson's correlation over the locations.
  case pearson
  /// The cosine of the angle between the maps.
  case cosine

  /// The similarity of maps [N, H, W] for each of N images, [N]. If one of two maps is constant (Pearson) or zero
  /// (cosine), the value and its derivatives are 0. A map counts as constant if its values differ only by rounding,
  /// because after subtracting the mean only rounding errors would remain.
  public func callAsFunction(_ a: Tensor, _ b: Tensor) -> Tensor { (direction(a) * direction(b)).sum([1]) }

  /// The maps as unit vectors, [N, H · W]. Each is normalized by itself, so that no product of two norms overflows.
  private func direction(_ map: Tensor) -> Tensor {
    let flat = map.reshaped([map.shape[0], -1])
    let vector = self == .pearson ? (flat - flat.mean([1], keepDims: true)) * Self.varies(flat) : flat
    return vector * vector.norm([1], keepDims: true).reciprocalOrZero
  }

  /// For each row 0 if it is constant, otherwise 1: [N, 1].
  private static func varies(_ rows: Tensor) -> Tensor {
    let isVaried = (0..<rows.shape[0]).map { rows.sliced(axis: 0, from: $0, length: 1).range == nil ? 0.0 : 1 }
    return Tensor(isVaried, shape: [isVaried.count, 1]).converted(to: rows.scalarType)
  }
}
