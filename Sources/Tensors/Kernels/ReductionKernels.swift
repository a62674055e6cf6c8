import CKernels

extension Kernels {
  /// Computes Σ x · y, or Σ x, over the axes along which `shape` has size one and x does not. y has x's shape.
  static func sum(_ x: Tensor, times y: Tensor? = nil, to shape: [Int]) -> Tensor {
    let (loops, size) = (loops(x.scalarType), x.scalarType.size)
    guard let repeated = Repetition(of: shape, in: x.shape) else {
      // The axes to sum over come first.
      let order =
        x.shape.indices.filter { shape[$0] != x.shape[$0] } + x.shape.indices.filter { shape[$0] == x.shape[$0] }
      let narrow = order.map { shape[$0] }
      return sum(permuted(x, order), times: y.map { permuted($0, order) }, to: narrow).withShape(shape)
    }
    let (batches, rows, columns) = (repeated.batches, repeated.rows, repeated.columns)
    return make(shape, x.scalarType, from: (x, y)) { out in
      if columns == 1 {
        forEachPart(of: batches, size: rows) { part in
          let offset = part.lowerBound * rows * size
          loops.sumRows(
            x.storage.pointer + offset, y.map { $0.storage.pointer + offset }, out + part.lowerBound * size, part.count,
            rows)
        }
        return
      }
      for batch in 0..<batches {
        forEachStrip(of: columns, rows: rows) { strip in
          let offset = (batch * rows * columns + strip.lowerBound) * size
          loops.sumColumns(
            x.storage.pointer + offset, nil, y.map { $0.storage.pointer + offset },
            out + (batch * columns + strip.lowerBound) * size, rows, columns, strip.count)
        }
      }
    }
  }

  /// Computes the square root of Σ x² over the axes along which `shape` has size one and x does not. Squares of float32
  /// numbers are summed in float64, where none of them overflows or underflows.
  static func norm(_ x: Tensor, to shape: [Int]) -> Tensor {
    let wide = x.converted(to: .float64)
    return map(.sqrt, sum(wide, times: wide, to: shape)).converted(to: x.scalarType)
  }

  /// Computes Σ (x − center) · y over all axes but the last, to [C], or over all but the first and the last, to [N, C].
  static func sumOfStandardized(_ x: Tensor, center: Tensor?, times y: Tensor, to shape: [Int]) -> Tensor {
    let (loops, size) = (loops(x.scalarType), x.scalarType.size)
    let (columns, vectors) = (x.shape[x.rank - 1], shape.dropLast().reduce(1, *))
    let rows = x.count / max(1, columns * vectors)
    return make(shape, x.scalarType, from: (x, center, y)) { out in
      for vector in 0..<vectors {
        forEachStrip(of: columns, rows: rows) { strip in
          let column = strip.lowerBound * size
          let offset = vector * rows * columns * size + column
          loops.sumColumns(
            x.storage.pointer + offset, center.map { $0.storage.pointer + column }, y.storage.pointer + offset,
            out + vector * columns * size + column, rows, columns, strip.count)
        }
      }
    }
  }

  /// Divides the columns of a sum over `rows` rows among threads, so that each column is summed by one thread. Strips
  /// begin at multiples of twice the widest vector, where the loops begin anyway, so that the order of each sum does
  /// not depend on the number of threads.
  private static func forEachStrip(of columns: Int, rows: Int, _ body: (Range<Int>) -> Void) {
    let width = 32
    forEachPart(of: (columns + width - 1) / width, size: rows * width) { part in
      body((part.lowerBound * width)..<min(columns, part.upperBound * width))
    }
  }

  private static func permuted(_ x: Tensor, _ order: [Int]) -> Tensor {
    let (strides, target) = (contiguousStrides(x.shape), order.map { x.shape[$0] })
    return copy(
      x, sizes: target, from: 0, strides: order.map { strides[$0] }, into: target, at: 0,
      strides: contiguousStrides(target))
  }

  /// For each row along the last axis, the flat index of its largest element (the first one if there are several).
  static func argmaxRows(_ x: Tensor) -> [Int32] {
    func run<T: Scalar>(_: T.Type) -> [Int32] {
      let p: UnsafePointer<T> = x.pointer()
      let width = x.shape[x.rank - 1]
      return (0..<(x.count / width)).map { row in
        var best = row * width
        for k in (best + 1)..<max(best + 1, (row + 1) * width) where p[k] > p[best] { best = k }
        return Int32(best)
      }
    }
    return withExtendedLifetime(x) { x.scalarType == .float32 ? run(Float.self) : run(Double.self) }
  }
}
