import CKernels

/// The functions' names, as Swift writes them.
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
  /// The innermost loops for this processor.
  static func loops(_ type: ScalarType) -> metasal_loops { kernels(type).loops }

  /// The same for convolutions.
  static func tiles(_ type: ScalarType) -> metasal_tiles { kernels(type).tiles }

  /// The same for Winograd's transforms.
  static func winograd(_ type: ScalarType) -> metasal_winograd { kernels(type).winograd }

  /// See the C side.
  static func peak(_ rounds: Int) -> Int { kernels(.float32).peak(rounds) }

  @inline(__always)
  private static func kernels(_ type: ScalarType) -> metasal_kernels {
    type == .float32 ? floatKernels.pointee : doubleKernels.pointee
  }
  private nonisolated(unsafe) static let floatKernels = metasal_kernels_float(metasal_best_instructions())
  private nonisolated(unsafe) static let doubleKernels = metasal_kernels_double(metasal_best_instructions())

  /// Calls `body` for parts of `0..<count` that are worth a thread each, where an item is `size` elements.
  static func forEachPart(of count: Int, size: Int, _ body: (Range<Int>) -> Void) {
    let threads = count * size < 1 << 16 ? 1 : min(count, Parallel.kernelThreads)
    Parallel.split(count, threads: threads, body)
  }

  /// `f` of each element and a parameter.
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

  /// A function that has no loop of its own.
  private static func map<T: Scalar>(_ x: Tensor, _ f: @Sendable (T) -> T) -> Tensor {
    let source = x.pointer() as UnsafePointer<T>
    return make(x.shape, T.self, from: x) { out in
      forEachPart(of: x.count, size: 8) { part in for i in part { out[i] = f(source[i]) } }
    }
  }

  /// x + factor · y, of one shape, into `out` (which may be x's storage) if given. Of a y that is several such, one after the
  /// other, it takes the one with this number.
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

  /// A sum, in its own storage if that may be written to, with x added to as many of its elements from `offset` on.
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

  /// Where a kernel writes a result of `shape`, or (adds) adds it to what has come so far.
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

  /// `f(a, b)` element by element, either operand repeated along axes where it has size one; into `out`, if given, which
  /// may be the storage of an a of this shape.
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

  /// Repeated to `shape`; added to a sum if there is one.
  static func broadcast(_ x: Tensor, to shape: [Int], onto partial: PartialSum?) -> Tensor {
    guard let partial, Repetition(of: x.shape, in: shape) != nil, let (sum, isOwn) = partial.take() else {
      return filled(x, shape)
    }
    return zip(.add, sum, x, shape: shape, into: isOwn ? sum.storage : nil)
  }

  /// Repeated to `shape`.
  static func filled(_ x: Tensor, _ shape: [Int]) -> Tensor {
    x.shape == shape
      ? x
      : copy(
        x, sizes: shape, from: 0, strides: broadcastStrides(x.shape, to: shape), into: shape, at: 0,
        strides: contiguousStrides(shape))
  }

  /// (x − center) · scale + shift + residual over the last axis, its positive part if asked; or added to a sum. Scales and
  /// shifts are [C], or [N, C] for one per image.
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

/// How a smaller shape is repeated in a larger one: for each of `batches`, its `columns` are the same for all `rows`.
struct Repetition {
  let batches, rows, columns: Int

  /// nil where the shape is not repeated along one run of axes. If `lastAxes`, the run must be the last one, so that there is
  /// one number for each batch.
  init?(of shape: [Int], in target: [Int], lastAxes: Bool = false) {
    guard shape.count <= target.count else { return nil }
    let missing = target.count - shape.count
    var (batches, rows, columns) = (1, 1, 1)
    var state = missing > 0 ? 1 : 0  // before, in and after the run
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
      // Nothing is repeated: all of it are columns of one row.
      (batches, columns) = (1, batches)
    }
    (self.batches, self.rows, self.columns) = (batches, rows, columns)
  }
}
