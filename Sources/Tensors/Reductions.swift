/// Sums and what is made of them. `broadcast(to:)` and `summed(to:)` are each other's derivative.
extension Tensor {
  /// Repeated along axes of size one, and along new leading axes, to `target`.
  public func broadcast(to target: [Int]) -> Tensor { broadcast(to: target, onto: nil) }

  private func broadcast(to target: [Int], onto sum: PartialSum?) -> Tensor {
    if target == shape { return self }
    let own = shape
    precondition(
      rank <= target.count && Swift.zip(shape.reversed(), target.reversed()).allSatisfy { $0 == $1 || $0 == 1 },
      "broadcast(to:): \(shape) does not repeat to \(target)")
    return Tensor.operation(
      "broadcast", [self], keep: .nothing,
      value: Kernels.broadcast(self, to: target, onto: sum)
    ) { g, _ in [g.summed(to: own)] }
  }

  /// Summed over leading axes and axes of size one in `target`: the adjoint of broadcasting `target` to this shape.
  public func summed(to target: [Int]) -> Tensor {
    if target == shape { return self }
    let own = shape
    let kept = Array(repeating: 1, count: max(0, rank - target.count)) + target
    precondition(
      kept.count == rank && Swift.zip(kept, shape).allSatisfy { $0 == $1 || $0 == 1 },
      "summed(to:): \(shape) does not narrow to \(target)")
    return Tensor.operation(
      "sum", [self], keep: .nothing, value: Kernels.sum(self, to: kept).withShape(target)
    ) { g, saved in
      [saved.ifNeeded(0) { g.reshaped(kept).broadcast(to: own, onto: $0) }]
    }
  }

  /// The sum over `axes` (all if nil); each stays with size one where `keepDims`.
  public func sum(_ axes: [Int]? = nil, keepDims: Bool = false) -> Tensor {
    let axes = axes ?? Array(shape.indices)
    let kept = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
    let sum = summed(to: kept)
    return keepDims ? sum : sum.reshaped(shape.indices.filter { !axes.contains($0) }.map { shape[$0] })
  }

  /// The mean over `axes` (all if nil).
  public func mean(_ axes: [Int]? = nil, keepDims: Bool = false) -> Tensor {
    let count = (axes ?? Array(shape.indices)).reduce(1) { $0 * shape[$1] }
    return sum(axes, keepDims: keepDims) / Double(count)
  }

  /// The L2 norm over `axes`, whose derivatives at the origin are taken to be 0.
  public func norm(_ axes: [Int], keepDims: Bool = false) -> Tensor {
    let kept = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
    let norm = Tensor.operation(
      "norm", [self], keep: .both, value: Kernels.norm(self, to: kept)
    ) { g, saved in
      // The direction first: one over the norm, times g, may leave the type's range where the derivative does not.
      [saved[0] * saved.output.reciprocalOrZero * g]
    }
    return keepDims ? norm : norm.reshaped(shape.indices.filter { !axes.contains($0) }.map { shape[$0] })
  }

  /// The largest element of each row along the last axis; the derivative goes to the first of equals.
  public func maximum() -> Tensor { gather(argmaxIndices(), shape: Array(shape.dropLast())) }

  /// For every row along the last axis, the position of its largest element in the row (the first of equals).
  public func argmax() -> [Int] {
    let width = shape[rank - 1]
    return Kernels.argmaxRows(self).map { Int($0) % width }
  }

  private func argmaxIndices() -> [Int32] {
    precondition(rank > 0 && shape[rank - 1] > 0, "maximum(): no largest element in shape \(shape)")
    return Kernels.argmaxRows(self)
  }

  /// The same storage under another shape, unrecorded.
  func withShape(_ shape: [Int]) -> Tensor { Tensor(storage: storage, shape: shape, scalarType: scalarType) }
}
