import COpenBLAS

extension Kernels {
  /// OpenBLAS's own threads stay off: parallelism is over images, and its workers would fight over the processors.
  private static let singleThreaded: Void = openblas_set_num_threads(1)

  /// `op(A) · op(B)`, of m × n with inner size k, written or added to `c`; rows lie `lda`, `ldb`, `ldc` elements apart.
  @inline(__always)
  static func multiply<T: Scalar>(
    _ m: Int, _ n: Int, _ k: Int, _ a: UnsafePointer<T>, _ lda: Int, _ transposeA: Bool, _ b: UnsafePointer<T>,
    _ ldb: Int,
    _ transposeB: Bool, into c: UnsafeMutablePointer<T>, _ ldc: Int, adding: Bool = false
  ) {
    _ = singleThreaded
    let (opA, opB) = (transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans)
    let (m, n, k) = (Int32(m), Int32(n), Int32(k))
    if T.self == Float.self {
      let (a, b, c) = (UnsafeRawPointer(a), UnsafeRawPointer(b), UnsafeMutableRawPointer(c))
      cblas_sgemm(
        CblasRowMajor, opA, opB, m, n, k, 1, a.assumingMemoryBound(to: Float.self), Int32(lda),
        b.assumingMemoryBound(to: Float.self), Int32(ldb), adding ? 1 : 0, c.assumingMemoryBound(to: Float.self),
        Int32(ldc))
    } else {
      let (a, b, c) = (UnsafeRawPointer(a), UnsafeRawPointer(b), UnsafeMutableRawPointer(c))
      cblas_dgemm(
        CblasRowMajor, opA, opB, m, n, k, 1, a.assumingMemoryBound(to: Double.self), Int32(lda),
        b.assumingMemoryBound(to: Double.self), Int32(ldb), adding ? 1 : 0, c.assumingMemoryBound(to: Double.self),
        Int32(ldc))
    }
  }

  /// `op(A) · op(B)` for each of `batch` pairs of matrices; `m`, `n`, `k` are the sizes after transposing.
  static func multiply(
    _ a: Tensor, transposed transposeA: Bool, _ b: Tensor, transposed transposeB: Bool, batch: Int, m: Int, n: Int,
    k: Int,
    shape: [Int]
  ) -> Tensor {
    func run<T: Scalar>(_: T.Type) -> Tensor {
      let p: UnsafePointer<T> = a.pointer()
      let q: UnsafePointer<T> = b.pointer()
      return make(shape, T.self, from: (a, b)) { out in
        if k == 0 { return out.update(repeating: 0, count: batch * m * n) }
        for i in 0..<batch {
          multiply(
            m, n, k, p + i * m * k, transposeA ? m : k, transposeA, q + i * k * n, transposeB ? k : n, transposeB,
            into: out + i * m * n, n)
        }
      }
    }
    return a.scalarType == .float32 ? run(Float.self) : run(Double.self)
  }
}
