/// A loop over the elements of a shape that steps through several operands with their own strides.
///
/// Axes of size one are dropped, and neighbouring axes are merged if all operands allow it. An element-wise operation
/// on equal shapes becomes one long row, and adding a row vector to an image becomes two nested loops.
struct StridedLoop {
  private(set) var sizes: [Int] = []
  /// The strides as `strides[operand][axis]`, in elements.
  private(set) var strides: [[Int]]

  init(_ shape: [Int], strides all: [[Int]]) {
    strides = Array(repeating: [], count: all.count)
    for axis in shape.indices where shape[axis] != 1 {
      let merges =
        !sizes.isEmpty && all.indices.allSatisfy { strides[$0][sizes.count - 1] == all[$0][axis] * shape[axis] }
      if merges {
        sizes[sizes.count - 1] *= shape[axis]
        for o in all.indices { strides[o][sizes.count - 1] = all[o][axis] }
      } else {
        sizes.append(shape[axis])
        for o in all.indices { strides[o].append(all[o][axis]) }
      }
    }
    if sizes.isEmpty {
      sizes = [1]
      strides = all.map { _ in [1] }
    }
  }

  /// Calls `row` for every row along the last axis with the offset of each of two operands.
  @inline(__always)
  func forEachRow(_ row: (_ a: Int, _ b: Int) -> Void) {
    forEachRow3 { a, b, _ in row(a, b) }
  }

  /// Calls `row` for every row along the last axis with the offset of each of up to three operands; the offset of a
  /// missing one is 0.
  @inline(__always)
  func forEachRow3(_ row: (_ a: Int, _ b: Int, _ c: Int) -> Void) {
    let outer = sizes.count - 1
    if sizes.contains(0) { return }
    if outer == 0 { return row(0, 0, 0) }
    var index = [Int](repeating: 0, count: outer)
    var offsets = (0, 0, 0)
    let s = (strides[0], strides.count > 1 ? strides[1] : [], strides.count > 2 ? strides[2] : [])
    @inline(__always) func move(_ axis: Int, by n: Int) {
      offsets.0 += s.0[axis] * n
      if !s.1.isEmpty { offsets.1 += s.1[axis] * n }
      if !s.2.isEmpty { offsets.2 += s.2[axis] * n }
    }
    while true {
      row(offsets.0, offsets.1, offsets.2)
      var axis = outer - 1
      while true {
        index[axis] += 1
        move(axis, by: 1)
        if index[axis] < sizes[axis] { break }
        move(axis, by: -sizes[axis])
        index[axis] = 0
        if axis == 0 { return }
        axis -= 1
      }
    }
  }
}

/// The row-major strides of a contiguous tensor.
func contiguousStrides(_ shape: [Int]) -> [Int] {
  var strides = [Int](repeating: 1, count: shape.count)
  for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
  return strides
}

/// The strides with which a tensor of `shape` is read as one of `target`; 0 along repeated axes.
func broadcastStrides(_ shape: [Int], to target: [Int]) -> [Int] {
  let own = contiguousStrides(shape)
  let missing = target.count - shape.count
  return target.indices.map { axis in
    axis < missing || shape[axis - missing] == 1 ? 0 : own[axis - missing]
  }
}
