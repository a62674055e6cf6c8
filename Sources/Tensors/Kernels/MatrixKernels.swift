import COpenBLAS
import Foundation
import Synchronization

extension Kernels {
  /// OpenBLAS's own threads are turned off: images are computed in parallel, and its threads would compete for the
  /// processors.
  private static let singleThreaded: Void = openblas_set_num_threads(1)

  /// The number of current calls of OpenBLAS, and its maximum so far.
  private static let calls = Mutex((now: 0, most: 0))

  /// An upper bound of the memory that OpenBLAS allocates, and keeps, for each simultaneous call: 128 MiB and a few
  /// pages on processors with AVX-512. Hardly any of it is ever used.
  private static let callBytes = 129 << 20

  /// Makes a call of OpenBLAS. If there is no memory, the library would retry the allocation forever, so the memory is
  /// checked before the call.
  private static func calling(_ call: () -> Void) {
    let isMore = calls.withLock { calls in
      calls.now += 1
      defer { calls.most = max(calls.most, calls.now) }
      return calls.now > calls.most
    }
    if isMore {
      guard let room = malloc(callBytes) else { Memory.isExhausted(wanting: callBytes) }
      free(room)
    }
    call()
    calls.withLock { $0.now -= 1 }
  }

  /// Computes `op(A) · op(B)` for each of `batch` pairs of matrices and adds it to a partial sum if there is one. `m`,
  /// `n` and `k` are the sizes after transposition.
  static func multiply(
    _ a: Tensor, transposed transposeA: Bool, _ b: Tensor, transposed transposeB: Bool, batch: Int, m: Int, n: Int,
    k: Int, shape: [Int], onto partial: PartialSum? = nil
  ) -> Tensor {
    _ = singleThreaded
    let (storage, adds) = destination(shape, a.scalarType, onto: partial)
    func run<T: Scalar>(_: T.Type) {
      let c = storage.pointer.assumingMemoryBound(to: T.self)
      if k == 0 {
        if !adds { c.update(repeating: 0, count: batch * m * n) }
        return
      }
      for i in 0..<batch {
        let left = Matrix(elements: a.pointer() as UnsafePointer<T> + i * m * k, m, k, isTransposed: transposeA)
        let right = Matrix(elements: b.pointer() as UnsafePointer<T> + i * k * n, k, n, isTransposed: transposeB)
        // Threads divide the larger side of the result. The parts do not depend on the number of threads, because
        // OpenBLAS's order of summation depends on the matrix's size.
        let side = max(m, n, 1)
        let parts = evenParts(of: side, atMost: m * n * k < 1 << 20 ? side : max(1, side / 16))
        Parallel.split(parts.count, threads: min(parts.count, Parallel.kernelThreads)) { range in
          for part in parts[range] {
            if n >= m {
              multiply(left, right.columns(part), into: c + i * m * n + part.lowerBound, stride: n, adds: adds)
            } else {
              multiply(left.rows(part), right, into: c + i * m * n + part.lowerBound * n, stride: n, adds: adds)
            }
          }
        }
      }
    }
    withExtendedLifetime((a, b)) { a.scalarType == .float32 ? run(Float.self) : run(Double.self) }
    return Tensor(storage: storage, shape: shape, scalarType: a.scalarType)
  }

  /// A matrix for BLAS: `rows` by `columns` after transposition, with stored rows that are `stride` elements apart.
  private struct Matrix<T: Scalar> {
    let elements: UnsafePointer<T>
    let rows, columns, stride: Int
    let isTransposed: Bool

    init(elements: UnsafePointer<T>, _ rows: Int, _ columns: Int, isTransposed: Bool) {
      self.init(elements: elements, rows, columns, stride: isTransposed ? rows : columns, isTransposed: isTransposed)
    }

    private init(elements: UnsafePointer<T>, _ rows: Int, _ columns: Int, stride: Int, isTransposed: Bool) {
      (self.elements, self.rows, self.columns) = (elements, rows, columns)
      (self.stride, self.isTransposed) = (stride, isTransposed)
    }

    func columns(_ part: Range<Int>) -> Matrix {
      Matrix(
        elements: elements + part.lowerBound * (isTransposed ? stride : 1), rows, part.count, stride: stride,
        isTransposed: isTransposed)
    }

    func rows(_ part: Range<Int>) -> Matrix {
      Matrix(
        elements: elements + part.lowerBound * (isTransposed ? 1 : stride), part.count, columns, stride: stride,
        isTransposed: isTransposed)
    }

    /// The distance between the elements of its only row or column.
    var step: Int { (rows == 1) != isTransposed ? 1 : stride }
  }

  /// Products with vectors have their own kernels, because the general kernel rearranges a matrix that is read only
  /// once.
  private static func multiply<T: Scalar>(
    _ a: Matrix<T>, _ b: Matrix<T>, into c: UnsafeMutablePointer<T>, stride: Int, adds: Bool
  ) {
    let (m, n, k) = (a.rows, b.columns, a.columns)
    if k == 1, b.step == 1 {
      let loops = loops(T.type)
      for i in 0..<m {
        let (factor, row) = (Double(a.elements[i * a.step]), c + i * stride)
        if adds {
          loops.addScaled(row, b.elements, factor, row, n)
        } else {
          loops.unary(.scale, factor, b.elements, row, n)
        }
      }
    } else if m == 1 {
      multiply(b, transposed: true, vector: a.elements, step: a.step, into: c, step: 1, adds: adds)
    } else if n == 1 {
      multiply(a, transposed: false, vector: b.elements, step: b.step, into: c, step: stride, adds: adds)
    } else {
      let (opA, opB) = (a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans)
      let (lda, ldb, ldc) = (Int32(a.stride), Int32(b.stride), Int32(stride))
      let (x, y, z) = (UnsafeRawPointer(a.elements), UnsafeRawPointer(b.elements), UnsafeMutableRawPointer(c))
      calling {
        if T.type == .float32 {
          cblas_sgemm(
            CblasRowMajor, opA, opB, Int32(m), Int32(n), Int32(k), 1, x.assumingMemoryBound(to: Float.self), lda,
            y.assumingMemoryBound(to: Float.self), ldb, adds ? 1 : 0, z.assumingMemoryBound(to: Float.self), ldc)
        } else {
          cblas_dgemm(
            CblasRowMajor, opA, opB, Int32(m), Int32(n), Int32(k), 1, x.assumingMemoryBound(to: Double.self), lda,
            y.assumingMemoryBound(to: Double.self), ldb, adds ? 1 : 0, z.assumingMemoryBound(to: Double.self), ldc)
        }
      }
    }
  }

  private static func multiply<T: Scalar>(
    _ a: Matrix<T>, transposed: Bool, vector: UnsafePointer<T>, step: Int, into c: UnsafeMutablePointer<T>,
    step resultStep: Int, adds: Bool
  ) {
    let op = a.isTransposed != transposed ? CblasTrans : CblasNoTrans
    let (rows, columns) = a.isTransposed ? (a.columns, a.rows) : (a.rows, a.columns)
    let (m, n, lda, incX, incY) = (Int32(rows), Int32(columns), Int32(a.stride), Int32(step), Int32(resultStep))
    let (x, y, z) = (UnsafeRawPointer(a.elements), UnsafeRawPointer(vector), UnsafeMutableRawPointer(c))
    calling {
      if T.type == .float32 {
        cblas_sgemv(
          CblasRowMajor, op, m, n, 1, x.assumingMemoryBound(to: Float.self), lda, y.assumingMemoryBound(to: Float.self),
          incX, adds ? 1 : 0, z.assumingMemoryBound(to: Float.self), incY)
      } else {
        cblas_dgemv(
          CblasRowMajor, op, m, n, 1, x.assumingMemoryBound(to: Double.self), lda,
          y.assumingMemoryBound(to: Double.self), incX, adds ? 1 : 0, z.assumingMemoryBound(to: Double.self), incY)
      }
    }
  }
}
