import CKernels

/// Swift names of the C enumeration's cases.
extension metasal_binary {
  static let add = metasal_add
  static let subtract = metasal_subtract
  static let multiply = metasal_multiply
  static let divide = metasal_divide
  static let gate = metasal_gate
}
extension metasal_unary {
  static let scale = metasal_scale
  static let shift = metasal_shift
  static let relu = metasal_relu
  static let sign = metasal_sign
  static let reciprocalOrZero = metasal_reciprocal_or_zero
  static let sqrt = metasal_sqrt
}

extension Kernels {
  /// The element-wise loops for this processor.
  static func loops(_ type: ScalarType) -> metasal_loops { kernels(type).loops }

  /// The convolution tiles for this processor.
  static func tiles(_ type: ScalarType) -> metasal_tiles { kernels(type).tiles }

  /// Winograd's transforms for this processor.
  static func winograd(_ type: ScalarType) -> metasal_winograd { kernels(type).winograd }

  /// Measures peak arithmetic; see `metasal_kernels` in CKernels.h.
  static func peak(_ rounds: Int) -> Int { kernels(.float32).peak(rounds) }

  @inline(__always)
  private static func kernels(_ type: ScalarType) -> metasal_kernels {
    type == .float32 ? floatKernels.pointee : doubleKernels.pointee
  }
  private nonisolated(unsafe) static let floatKernels = metasal_kernels_float(metasal_best_instructions())
  private nonisolated(unsafe) static let doubleKernels = metasal_kernels_double(metasal_best_instructions())

  /// Calls `body` for parts of `0..<count`, on several threads if there is enough work. An item has `size` elements.
  static func forEachPart(of count: Int, size: Int, _ body: (Range<Int>) -> Void) {
    let threads = count * size < 1 << 16 ? 1 : min(count, Parallel.kernelThreads)
    Parallel.split(count, threads: threads, body)
  }

  /// Applies `f` to each element with a parameter.
  static func map(_ f: metasal_unary, _ x: Tensor, _ parameter: Double = 0) -> Tensor {
    let (loops, size) = (loops(x.scalarType), x.scalarType.size)
    return make(x.shape, x.scalarType, from: x) { out in
      forEachPart(of: x.count, size: 1) { part in
        let offset = part.lowerBound * size
        loops.unary(f, parameter, x.storage.pointer + offset, out + offset, part.count)
      }
    }
  }

  static func exp(_ x: Tensor) -> Tensor { x.scalarType == .float32 ? map(x, Float.exp) : map(x, Double.exp) }
  static func log(_ x: Tensor) -> Tensor { x.scalarType == .float32 ? map(x, Float.log) : map(x, Double.log) }

  static func logOnePlus(_ x: Tensor) -> Tensor {
    x.scalarType == .float32 ? map(x, Float.log1p) : map(x, Double.log1p)
  }

  static func erf(_ x: Tensor) -> Tensor { x.scalarType == .float32 ? map(x, Float.erf) : map(x, Double.erf) }
  static func sigmoid(_ x: Tensor) -> Tensor {
    x.scalarType == .float32 ? map(x) { 1 / (1 + Float.exp(-$0)) } : map(x) { 1 / (1 + Double.exp(-$0)) }
  }

  /// Applies a function that has no C loop.
  private static func map<T: Scalar>(_ x: Tensor, _ f: @Sendable (T) -> T) -> Tensor {
    let source = x.pointer() as UnsafePointer<T>
    return make(x.shape, T.self, from: x) { out in
      forEachPart(of: x.count, size: 8) { part in for i in part { out[i] = f(source[i]) } }
    }
  }

  /// Computes x + factor · y, written to `out` if given, which may be x's storage. If y consists of several parts of
  /// x's shape, `index` selects one.
  static func addScaled(
    _ x: Tensor, _ y: Tensor, part index: Int = 0, _ factor: Double, into out: Storage? = nil
  ) -> Tensor {
    let out = out ?? Storage(bytes: x.count * x.scalarType.size)
    let (loops, size) = (loops(x.scalarType), x.scalarType.size)
    withExtendedLifetime((x, y)) {
      forEachPart(of: x.count, size: 1) { part in
        let offset = part.lowerBound * size
        loops.addScaled(
          x.storage.pointer + offset, y.storage.pointer + index * x.count * size + offset, factor,
          out.pointer + offset, part.count)
      }
    }
    return Tensor(storage: out, shape: x.shape, scalarType: x.scalarType)
  }

  /// Adds x to the elements of `sum` from `offset` on, in the sum's own storage if it may be written to.
  static func add(_ x: Tensor, to sum: Tensor, at offset: Int, isOwn: Bool) -> Tensor {
    let (loops, size) = (loops(x.scalarType), x.scalarType.size)
    let out = isOwn ? sum.storage : Storage(bytes: sum.count * size)
    withExtendedLifetime((x, sum)) {
      if !isOwn { out.pointer.copyMemory(from: sum.storage.pointer, byteCount: sum.count * size) }
      forEachPart(of: x.count, size: 1) { part in
        let (from, to) = (part.lowerBound * size, out.pointer + (offset + part.lowerBound) * size)
        loops.addScaled(to, x.storage.pointer + from, 1, to, part.count)
      }
    }
    return Tensor(storage: out, shape: sum.shape, scalarType: sum.scalarType)
  }

  /// The storage for a kernel's result of `shape`. `adds` says that the kernel must add to the existing values there.
  static func destination(_ shape: [Int], _ type: ScalarType, onto partial: PartialSum?) -> (
    storage: Storage, adds: Bool
  ) {
    let bytes = shape.reduce(1, *) * type.size
    guard let (sum, isOwn) = partial?.take() else { return (Storage(bytes: bytes), false) }
    if isOwn { return (sum.storage, true) }
    let copy = Storage(bytes: bytes)
    withExtendedLifetime(sum) { copy.pointer.copyMemory(from: sum.storage.pointer, byteCount: bytes) }
    return (copy, true)
  }

  /// Applies `f(a, b)` element by element, where either operand is repeated along axes of size one. The result is
  /// written to `out` if given, which may be the storage of `a` if `a` has the result's shape.
  static func zip(_ f: metasal_binary, _ a: Tensor, _ b: Tensor, shape: [Int], into out: Storage? = nil) -> Tensor {
    let (loops, size) = (loops(a.scalarType), a.scalarType.size)
    func make(_ fill: (UnsafeMutableRawPointer) -> Void) -> Tensor {
      let storage = out ?? Storage(bytes: shape.reduce(1, *) * size)
      withExtendedLifetime((a, b)) { fill(storage.pointer) }
      return Tensor(storage: storage, shape: shape, scalarType: a.scalarType)
    }
    if a.shape == b.shape {
      return make { out in
        forEachPart(of: a.count, size: 1) { part in
          let offset = part.lowerBound * size
          loops.binary(f, a.storage.pointer + offset, b.storage.pointer + offset, out + offset, part.count)
        }
      }
    }
    if a.shape == shape, let repeated = Repetition(of: b.shape, in: shape) {
      let (rows, columns) = (repeated.rows, repeated.columns)
      return make { out in
        for batch in 0..<repeated.batches {
          let (x, y) = (a.storage.pointer + batch * rows * columns * size, b.storage.pointer + batch * columns * size)
          let z = out + batch * rows * columns * size
          forEachPart(of: rows, size: columns) { part in
            let offset = part.lowerBound * columns * size
            loops.binaryColumns(f, x + offset, y, z + offset, part.count, columns)
          }
        }
      }
    }
    if a.shape == shape, let repeated = Repetition(of: b.shape, in: shape, lastAxes: true) {
      let columns = repeated.rows
      return make { out in
        forEachPart(of: repeated.batches, size: columns) { part in
          let offset = part.lowerBound * columns * size
          loops.binaryRows(
            f, a.storage.pointer + offset, b.storage.pointer + part.lowerBound * size, out + offset, part.count, columns
          )
        }
      }
    }
    if f == .add || f == .multiply, b.shape == shape { return zip(f, b, a, shape: shape) }
    return zip(f, filled(a, shape), filled(b, shape), shape: shape)
  }

  /// Repeats x to `shape` and adds it to a partial sum if there is one.
  static func broadcast(_ x: Tensor, to shape: [Int], onto partial: PartialSum?) -> Tensor {
    guard let partial, Repetition(of: x.shape, in: shape) != nil, let (sum, isOwn) = partial.take() else {
      return filled(x, shape)
    }
    return zip(.add, sum, x, shape: shape, into: isOwn ? sum.storage : nil)
  }

  /// Repeats x to `shape`.
  static func filled(_ x: Tensor, _ shape: [Int]) -> Tensor {
    x.shape == shape
      ? x
      : copy(
        x, sizes: shape, from: 0, strides: broadcastStrides(x.shape, to: shape), into: shape, at: 0,
        strides: contiguousStrides(shape))
  }

  /// Computes (x − center) · scale + shift + residual over the last axis and, if `relu`, its positive part; or adds the
  /// result to a partial sum. Scales and shifts are [C], or [N, C] for one per image.
  static func standardize(
    _ x: Tensor, center: Tensor?, scale: Tensor, shift: Tensor? = nil, residual: Tensor? = nil, relu: Bool = false,
    onto partial: PartialSum? = nil
  ) -> Tensor {
    let (loops, size, columns) = (loops(x.scalarType), x.scalarType.size, scale.shape[scale.rank - 1])
    let (out, adds) = destination(x.shape, x.scalarType, onto: partial)
    let vectors = scale.count / max(1, columns)
    let rows = x.count / max(1, scale.count)
    withExtendedLifetime((x, center, scale, shift, residual)) {
      for vector in 0..<vectors {
        let own = vector * columns * size
        forEachPart(of: rows, size: columns) { part in
          let offset = (vector * rows + part.lowerBound) * columns * size
          loops.standardize(
            x.storage.pointer + offset, center?.storage.pointer, scale.storage.pointer + own,
            shift.map { $0.storage.pointer + own },
            adds
              ? UnsafeRawPointer(out.pointer + offset) : residual.map { UnsafeRawPointer($0.storage.pointer + offset) },
            relu ? 1 : 0, out.pointer + offset, part.count, columns)
        }
      }
    }
    return Tensor(storage: out, shape: x.shape, scalarType: x.scalarType)
  }
}

/// The way a smaller shape is repeated in a larger one: in each of `batches`, the same `columns` are used for all
/// `rows`.
struct Repetition {
  let batches, rows, columns: Int

  /// Creates a repetition; nil if the shape is not repeated along a single run of axes. If `lastAxes`, the run must be
  /// the last one, so that there is one number per batch.
  init?(of shape: [Int], in target: [Int], lastAxes: Bool = false) {
    guard shape.count <= target.count else { return nil }
    let missing = target.count - shape.count
    var (batches, rows, columns) = (1, 1, 1)
    var state = missing > 0 ? 1 : 0  // 0 before the run, 1 in it, 2 after it
    for axis in target.indices {
      let size = axis < missing ? 1 : shape[axis - missing]
      let width = target[axis]
      if width == 1 { continue }
      if size == width {
        if state == 1 && rows > 1 { state = 2 }
        if state == 2 || state == 1 { columns *= width } else { batches *= width }
      } else {
        guard size == 1, state < 2, columns == 1 else { return nil }
        state = 1
        rows *= width
      }
    }
    if lastAxes {
      guard columns == 1 else { return nil }
    } else if state == 0 {
      // Nothing is repeated, so all elements are columns of a single row.
      (batches, columns) = (1, batches)
    }
    (self.batches, self.rows, self.columns) = (batches, rows, columns)
  }
}
