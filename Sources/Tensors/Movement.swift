/// Operations that move elements without changing them. They form pairs that are each other's derivative: reshaping and
/// reshaping back, a permutation and its inverse, slice and place, gather and scatter.
extension Tensor {
  /// The same elements with another shape of the same count; one size may be -1 and is then inferred.
  public func reshaped(_ target: [Int]) -> Tensor {
    var target = target
    if let free = target.firstIndex(of: -1) {
      let rest = target.reduce(1) { $1 == -1 ? $0 : $0 * $1 }
      target[free] = rest == 0 ? 0 : count / rest
    }
    precondition(target.reduce(1, *) == count, "reshaped: \(shape) does not fill \(target)")
    if target == shape { return self }
    let own = shape
    return Tensor.operation("reshape", [self], keep: .nothing, value: withShape(target)) { g, _ in [g.reshaped(own)] }
  }

  /// Permutes the axes: axis `order[i]` of this tensor becomes axis `i`.
  public func permuted(_ order: [Int]) -> Tensor {
    precondition(order.sorted() == Array(shape.indices), "permuted: \(order) is no order of the axes of \(shape)")
    if order == Array(shape.indices) { return self }
    let strides = contiguousStrides(shape)
    let target = order.map { shape[$0] }
    let inverse = order.indices.map { axis in order.firstIndex(of: axis) ?? axis }
    return Tensor.operation(
      "permute", [self], keep: .nothing,
      value: Kernels.copy(
        self, sizes: target, from: 0, strides: order.map { strides[$0] }, into: target, at: 0,
        strides: contiguousStrides(target))
    ) { g, _ in [g.permuted(inverse)] }
  }

  /// Takes `length` elements along `axis` from `start`, every `step`-th one.
  public func sliced(axis: Int, from start: Int, length: Int, step: Int = 1) -> Tensor {
    precondition(
      start >= 0 && step > 0 && length >= 0 && (length == 0 || start + (length - 1) * step < shape[axis]),
      "sliced: \(length) from \(start) by \(step) leaves axis \(axis) of \(shape)")
    if start == 0 && step == 1 && length == shape[axis] { return self }
    var (target, strides) = (shape, contiguousStrides(shape))
    let (offset, width) = (start * strides[axis], shape[axis])
    target[axis] = length
    strides[axis] *= step
    return Tensor.operation(
      "slice", [self], keep: .nothing,
      value: Kernels.copy(
        self, sizes: target, from: offset, strides: strides, into: target, at: 0, strides: contiguousStrides(target))
    ) { g, saved in
      [saved.ifNeeded(0) { g.placed(axis: axis, at: start, step: step, in: width, onto: $0) }]
    }
  }

  /// Places the elements along `axis` at `start`, `start + step`, … of an axis of `width`, with zeros elsewhere: the
  /// adjoint of ``sliced(axis:from:length:step:)``.
  public func placed(axis: Int, at start: Int, step: Int = 1, in width: Int) -> Tensor {
    placed(axis: axis, at: start, step: step, in: width, onto: nil)
  }

  private func placed(axis: Int, at start: Int, step: Int, in width: Int, onto sum: PartialSum?) -> Tensor {
    let length = shape[axis]
    precondition(
      start >= 0 && step > 0 && (length == 0 || start + (length - 1) * step < width),
      "placed: \(length) elements at \(start) by \(step) leave an axis of \(width)")
    if start == 0 && step == 1 && length == width { return self }
    var target = shape
    target[axis] = width
    var strides = contiguousStrides(target)
    let offset = start * strides[axis]
    strides[axis] *= step
    // Consecutive rows are added directly to their part of the sum, and nothing else is written.
    let isRun = axis == 0 && step == 1
    return Tensor.operation(
      "place", [self], keep: .nothing,
      value: (isRun ? sum?.take() : nil).map { Kernels.add(self, to: $0.sum, at: offset, isOwn: $0.isOwn) }
        ?? Kernels.copy(
          self, sizes: shape, from: 0, strides: contiguousStrides(shape), into: target, at: offset, strides: strides)
    ) { g, _ in
      [g.sliced(axis: axis, from: start, length: length, step: step)]
    }
  }

  /// Pads with zeros before and after along `axis`.
  public func padded(axis: Int, before: Int, after: Int) -> Tensor {
    placed(axis: axis, at: before, in: before + shape[axis] + after)
  }

  /// Concatenates tensors along `axis`; their other axes must be equal.
  public static func concatenated(_ parts: [Tensor], axis: Int) -> Tensor {
    guard let first = parts.first else { preconditionFailure("concatenated: no tensors") }
    for part in parts {
      var other = part.shape
      if other.count == first.rank { other[axis] = first.shape[axis] }
      precondition(
        other == first.shape && part.scalarType == first.scalarType,
        "concatenated: \(part.shape) does not fit \(first.shape) along axis \(axis)")
    }
    if parts.count == 1 { return first }
    let widths = parts.map { $0.shape[axis] }
    var shape = first.shape
    shape[axis] = widths.reduce(0, +)
    return operation("concatenate", parts, keep: .nothing, value: Kernels.concatenate(parts, axis: axis, shape: shape))
    { g, saved in
      var start = 0
      return widths.indices.map { i in
        defer { start += widths[i] }
        return saved.ifNeeded(i) { g.sliced(axis: axis, from: start, length: widths[i]) }
      }
    }
  }

  /// Gathers the elements at flat `indices` into a tensor of shape `target`; a negative index gives 0.
  public func gather(_ indices: [Int32], shape target: [Int]) -> Tensor {
    let own = shape
    precondition(indices.count == target.reduce(1, *), "gather: \(indices.count) indices do not fill \(target)")
    precondition(indices.allSatisfy { $0 < count }, "gather: an index lies past the \(count) elements of \(shape)")
    return Tensor.operation("gather", [self], keep: .nothing, value: Kernels.gather(self, indices, shape: target)) {
      g, _ in
      [g.scatter(indices, shape: own)]
    }
  }

  /// Adds each element to zeros of shape `target` at its flat index: the adjoint of ``gather(_:shape:)``.
  public func scatter(_ indices: [Int32], shape target: [Int]) -> Tensor {
    let own = shape
    let size = target.reduce(1, *)
    precondition(indices.count == count, "scatter: \(indices.count) indices for \(shape)")
    precondition(indices.allSatisfy { $0 < size }, "scatter: an index lies past the \(size) elements of \(target)")
    return Tensor.operation("scatter", [self], keep: .nothing, value: Kernels.scatter(self, indices, shape: target)) {
      g, _ in
      [g.gather(indices, shape: own)]
    }
  }

  /// Takes for each row of a [N, K] tensor the element in the row's column: [N].
  public func takenAlongLastAxis(_ columns: [Int]) -> Tensor {
    precondition(rank == 2 && columns.count == shape[0], "takenAlongLastAxis: \(columns.count) columns for \(shape)")
    return gather(columns.enumerated().map { Int32($0 * shape[1] + $1) }, shape: [columns.count])
  }
}
