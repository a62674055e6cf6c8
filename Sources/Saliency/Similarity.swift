import Tensors

/// A differentiable similarity of two maps, for training.
public enum Similarity: String, Sendable, CaseIterable {
  /// Pearson's correlation over the locations.
  case pearson
  /// The cosine of the angle between the maps.
  case cosine
  /// The correlation of soft ranks, a differentiable form of Spearman's rank correlation (Blondel et al. 2020, "Fast Differentiable
  /// Sorting and Ranking", section 6): Spearman's as the regularization goes to 0, with mean ranks for equal values, and Pearson's as it
  /// grows.
  case spearman

  /// The strength of the regularization of soft ranks unless another one is given.
  public static let regularization = 1.0

  /// The similarity of maps [N, H, W] for each of N images, [N]. If one of two maps is constant (Pearson, Spearman) or zero
  /// (cosine), the value and its derivatives are 0. A map counts as constant if its values differ only by rounding,
  /// because after subtracting the mean only rounding errors would remain.
  ///
  /// - Parameters:
  ///   - a: the maps of one class.
  ///   - b: the maps of the other class.
  ///   - regularization: the strength of the regularization of soft ranks, relative to the std of the map: at 1 a map and the ranks
  ///     have the same std before the projection.
  /// - Returns: [N].
  public func callAsFunction(_ a: Tensor, _ b: Tensor, regularization: Double = regularization) -> Tensor {
    (direction(a, regularization) * direction(b, regularization)).sum([1])
  }

  /// The mean of the similarity over all pairs of several maps, [N, H, W] each: [N]. For K unit vectors u it is
  /// (|Σ u|² − Σ |u|²) / (K² − K), which needs no loop over pairs.
  ///
  /// - Parameters:
  ///   - maps: at least two maps.
  ///   - regularization: the strength of the regularization of soft ranks, as for two maps.
  /// - Returns: [N].
  public func mean(overPairsOf maps: [Tensor], regularization: Double = regularization) -> Tensor {
    precondition(maps.count > 1, "Similarity: \(maps.count) maps have no pairs")
    let directions = maps.map { direction($0, regularization) }
    let sum = directions.dropFirst().reduce(directions[0]) { $0 + $1 }
    let squares = directions.dropFirst().reduce(directions[0].squared) { $0 + $1.squared }
    return (sum.squared - squares).sum([1]) / Double(maps.count * (maps.count - 1))
  }

  /// The maps as unit vectors, [N, H · W]. Each is normalized by itself, so that no product of two norms overflows.
  private func direction(_ map: Tensor, _ regularization: Double) -> Tensor {
    let flat = map.reshaped([map.shape[0], -1])
    let vector = self == .cosine ? flat : (flat - flat.mean([1], keepDims: true)) * Self.varies(flat)
    let unit = vector * vector.norm([1], keepDims: true).reciprocalOrZero
    guard self == .spearman else { return unit }
    // The norm of the ranks 1, …, n less their mean.
    let n = Double(flat.shape[1])
    let norm = (n * (n * n - 1) / 12).squareRoot()
    let ranks = (unit * (norm / regularization)).softRanks()
    return ranks * ranks.norm([1], keepDims: true).reciprocalOrZero
  }

  /// For each row 0 if it is constant, otherwise 1: [N, 1].
  private static func varies(_ rows: Tensor) -> Tensor {
    let isVaried = (0..<rows.shape[0]).map { rows.sliced(axis: 0, from: $0, length: 1).range == nil ? 0.0 : 1 }
    return Tensor(isVaried, shape: [isVaried.count, 1]).converted(to: rows.scalarType)
  }
}
