/// Sums and operations made of them. `broadcast(to:)` and `summed(to:)` are each other's derivative.
extension Tensor {
  /// Repeats axes of size one and adds leading axes, up to the shape `target`.
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

  /// Sums over leading axes and over axes that have size one in `target`: the adjoint of broadcasting `target` to this
  /// shape.
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

  /// Sums over `axes` (all if nil); with `keepDims` they stay as axes of size one.
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

  /// The L2 norm over `axes`. Its derivatives at the origin are defined as 0.
  public func norm(_ axes: [Int], keepDims: Bool = false) -> Tensor {
    let kept = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
    let norm = Tensor.operation(
      "norm", [self], keep: .both, value: Kernels.norm(self, to: kept)
    ) { g, saved in
      // The elements are divided by the norm first, because g divided by the norm may overflow or underflow where the
      // derivative does not.
      [saved[0] * saved.output.reciprocalOrZero * g]
    }
    return keepDims ? norm : norm.reshaped(shape.indices.filter { !axes.contains($0) }.map { shape[$0] })
  }

  /// The largest element of each row along the last axis; the derivative goes to the first one if there are several.
  public func maximum() -> Tensor { gather(argmaxIndices(), shape: Array(shape.dropLast())) }

  /// The index of the largest element in each row along the last axis (the first one if there are several).
  public func argmax() -> [Int] {
    let width = shape[rank - 1]
    return Kernels.argmaxRows(self).map { Int($0) % width }
  }

  private func argmaxIndices() -> [Int32] {
    precondition(rank > 0 && shape[rank - 1] > 0, "maximum(): no largest element in shape \(shape)")
    return Kernels.argmaxRows(self)
  }

  /// The same storage with another shape; not recorded.
  func withShape(_ shape: [Int]) -> Tensor { Tensor(storage: storage, shape: shape, scalarType: scalarType) }
}
