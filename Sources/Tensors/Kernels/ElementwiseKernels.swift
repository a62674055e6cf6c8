/// A function of one element. A protocol rather than a closure, so that each use compiles to its own vector loop.
protocol UnaryFunction: Sendable {
  func callAsFunction<T: Scalar>(_ x: T) -> T
}

/// A function of two elements.
protocol BinaryFunction: Sendable {
  func callAsFunction<T: Scalar>(_ a: T, _ b: T) -> T
}

extension Kernels {
  @inline(__always)
  static func map<F: UnaryFunction>(_ f: F, _ x: Tensor) -> Tensor {
    @inline(__always) func run<T: Scalar>(_: T.Type) -> Tensor {
      let count = x.count
      let source: UnsafePointer<T> = x.pointer()
      return make(x.shape, T.self) { out in for i in 0..<count { out[i] = f(source[i]) } }
    }
    return x.scalarType == .float32 ? run(Float.self) : run(Double.self)
  }

  /// `f(a, b)` element by element, either operand repeated along axes where it has size one.
  @inline(__always)
  static func zip<F: BinaryFunction>(_ f: F, _ a: Tensor, _ b: Tensor, shape: [Int]) -> Tensor {
    @inline(__always) func run<T: Scalar>(_: T.Type) -> Tensor {
      let p: UnsafePointer<T> = a.pointer()
      let q: UnsafePointer<T> = b.pointer()
      if a.shape == b.shape {
        let count = a.count
        return make(shape, T.self) { out in for i in 0..<count { out[i] = f(p[i], q[i]) } }
      }
      let loop = StridedLoop(
        shape,
        strides: [
          contiguousStrides(shape), broadcastStrides(a.shape, to: shape), broadcastStrides(b.shape, to: shape),
        ])
      let count = loop.sizes[loop.sizes.count - 1]
      let (strideA, strideB) = (loop.strides[1][loop.sizes.count - 1], loop.strides[2][loop.sizes.count - 1])
      return make(shape, T.self) { out in
        loop.forEachRow3 { o, i, j in
          let (out, p, q) = (out + o, p + i, q + j)
          switch (strideA, strideB) {
          case (1, 1): for k in 0..<count { out[k] = f(p[k], q[k]) }
          case (1, 0):
            let value = q[0]
            for k in 0..<count { out[k] = f(p[k], value) }
          case (0, 1):
            let value = p[0]
            for k in 0..<count { out[k] = f(value, q[k]) }
          default: for k in 0..<count { out[k] = f(p[k * strideA], q[k * strideB]) }
          }
        }
      }
    }
    return a.scalarType == .float32 ? run(Float.self) : run(Double.self)
  }
}

// The functions, named as the operations they serve.

struct Add: BinaryFunction { func callAsFunction<T: Scalar>(_ a: T, _ b: T) -> T { a + b } }
struct Subtract: BinaryFunction { func callAsFunction<T: Scalar>(_ a: T, _ b: T) -> T { a - b } }
struct Multiply: BinaryFunction { func callAsFunction<T: Scalar>(_ a: T, _ b: T) -> T { a * b } }
struct Divide: BinaryFunction { func callAsFunction<T: Scalar>(_ a: T, _ b: T) -> T { a / b } }
/// `a` where `b` is positive, 0 elsewhere.
struct Gate: BinaryFunction { func callAsFunction<T: Scalar>(_ a: T, _ b: T) -> T { b > 0 ? a : 0 } }

struct Scale: UnaryFunction {
  let factor: Double
  func callAsFunction<T: Scalar>(_ x: T) -> T { x * T(factor) }
}
struct Shift: UnaryFunction {
  let term: Double
  func callAsFunction<T: Scalar>(_ x: T) -> T { x + T(term) }
}
struct Exponential: UnaryFunction { func callAsFunction<T: Scalar>(_ x: T) -> T { T.exp(x) } }
struct Logarithm: UnaryFunction { func callAsFunction<T: Scalar>(_ x: T) -> T { T.log(x) } }
struct SquareRoot: UnaryFunction { func callAsFunction<T: Scalar>(_ x: T) -> T { x.squareRoot() } }
struct ReciprocalOrZero: UnaryFunction { func callAsFunction<T: Scalar>(_ x: T) -> T { x == 0 ? 0 : 1 / x } }
struct Rectify: UnaryFunction { func callAsFunction<T: Scalar>(_ x: T) -> T { x > 0 ? x : 0 } }
struct Sign: UnaryFunction { func callAsFunction<T: Scalar>(_ x: T) -> T { x > 0 ? 1 : x < 0 ? -1 : 0 } }
