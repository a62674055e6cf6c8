extension Kernels {
  /// Σ f(x) over the axes on which `shape` (x's with some axes at size one) is narrower than x.
  @inline(__always)
  static func sum<F: UnaryFunction>(_ f: F, _ x: Tensor, to shape: [Int]) -> Tensor {
    @inline(__always) func run<T: Scalar>(_: T.Type) -> Tensor {
      let p: UnsafePointer<T> = x.pointer()
      let loop = StridedLoop(x.shape, strides: [contiguousStrides(x.shape), broadcastStrides(shape, to: x.shape)])
      let last = loop.sizes.count - 1
      let (count, stride) = (loop.sizes[last], loop.strides[1][last])
      let total = shape.reduce(1, *)
      return make(shape, T.self) { out in
        out.update(repeating: 0, count: total)
        loop.forEachRow { i, o in
          let (p, out) = (p + i, out + o)
          if stride == 0 {
            out[0] += sumRow(f, p, count)
          } else {
            for k in 0..<count { out[k * stride] += f(p[k]) }
          }
        }
      }
    }
    return x.scalarType == .float32 ? run(Float.self) : run(Double.self)
  }

  /// Σ f(p[k]), in sixteen partial sums that fit the vector registers and lose less to rounding than one.
  @inline(__always)
  private static func sumRow<F: UnaryFunction, T: Scalar>(_ f: F, _ p: UnsafePointer<T>, _ count: Int) -> T {
    var sums = SIMD16<T>(repeating: 0)
    let whole = count & ~15
    for k in stride(from: 0, to: whole, by: 16) {
      for lane in 0..<16 { sums[lane] += f(p[k + lane]) }
    }
    var total: T = sums.sum()
    for k in whole..<count { total += f(p[k]) }
    return total
  }

  /// For every row along the last axis, the flat index of its largest element (the first of equals).
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

struct Identity: UnaryFunction { func callAsFunction<T: Scalar>(_ x: T) -> T { x } }
struct Square: UnaryFunction { func callAsFunction<T: Scalar>(_ x: T) -> T { x * x } }
