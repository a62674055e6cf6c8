/// The arithmetic of the operations: loops and library calls over elements, without derivatives.
///
/// All unsafe code of the target is in this folder. A kernel checks nothing; the calling operation has checked its
/// operands.
enum Kernels {
  /// Creates a tensor whose bytes `fill` writes. The `operands` are kept alive until it returns.
  @inline(__always)
  static func make<Operands>(
    _ shape: [Int], _ type: ScalarType, from operands: Operands, _ fill: (UnsafeMutableRawPointer) -> Void
  ) -> Tensor {
    let storage = Storage(bytes: shape.reduce(1, *) * type.size)
    withExtendedLifetime(operands) { fill(storage.pointer) }
    return Tensor(storage: storage, shape: shape, scalarType: type)
  }

  /// Creates a tensor whose elements `fill` writes. The `operands` are kept alive until it returns.
  @inline(__always)
  static func make<T: Scalar, Operands>(
    _ shape: [Int], _: T.Type, from operands: Operands, _ fill: (UnsafeMutablePointer<T>) -> Void
  ) -> Tensor {
    make(shape, T.type, from: operands) { fill($0.assumingMemoryBound(to: T.self)) }
  }

  /// Repeats x `count` times along a new first axis.
  static func repeated(_ x: Tensor, _ count: Int) -> Tensor {
    let size = x.count * x.scalarType.size
    let storage = Storage(bytes: count * size, period: size)
    withExtendedLifetime(x) {
      for index in 0..<count { (storage.pointer + index * size).copyMemory(from: x.storage.pointer, byteCount: size) }
    }
    return Tensor(storage: storage, shape: [count] + x.shape, scalarType: x.scalarType)
  }

  static func fill(_ value: Double, shape: [Int], _ type: ScalarType) -> Tensor {
    let count = shape.reduce(1, *)
    switch type {
    case .float32: return make(shape, Float.self, from: ()) { $0.update(repeating: Float(value), count: count) }
    case .float64: return make(shape, Double.self, from: ()) { $0.update(repeating: value, count: count) }
    }
  }

  /// Creates a tensor from one call of `next` per element, in row-major order, rounded to the type.
  static func fill(_ shape: [Int], _ type: ScalarType, with next: () -> Double) -> Tensor {
    let count = shape.reduce(1, *)
    switch type {
    case .float32: return make(shape, Float.self, from: ()) { out in for i in 0..<count { out[i] = Float(next()) } }
    case .float64: return make(shape, Double.self, from: ()) { out in for i in 0..<count { out[i] = next() } }
    }
  }

  static func convert(_ x: Tensor, to type: ScalarType) -> Tensor {
    let count = x.count
    switch type {
    case .float32:
      let source: UnsafePointer<Double> = x.pointer()
      return make(x.shape, Float.self, from: x) { out in for i in 0..<count { out[i] = Float(source[i]) } }
    case .float64:
      let source: UnsafePointer<Float> = x.pointer()
      return make(x.shape, Double.self, from: x) { out in for i in 0..<count { out[i] = Double(source[i]) } }
    }
  }

  static func read<T: Scalar>(_ x: Tensor) -> [T] {
    let x = x.scalarType == T.type ? x : convert(x, to: T.type)
    return withExtendedLifetime(x) {
      Array(UnsafeBufferPointer(start: x.pointer() as UnsafePointer<T>, count: x.count))
    }
  }

  static func withBytes<Result, Failure: Error>(
    of x: Tensor, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(x) {} }
    return try body(UnsafeRawBufferPointer(start: x.storage.pointer, count: x.count * x.scalarType.size))
  }

  static func filling<Failure: Error>(
    _ shape: [Int], _ type: ScalarType, _ fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) -> Tensor {
    let bytes = shape.reduce(1, *) * type.size
    let storage = Storage(bytes: bytes)
    try fill(UnsafeMutableRawBufferPointer(start: storage.pointer, count: bytes))
    return Tensor(storage: storage, shape: shape, scalarType: type)
  }

  static func isFinite(_ x: Tensor) -> Bool {
    func check<T: Scalar>(_: T.Type) -> Bool {
      // 0 · x is 0 if x is finite and NaN otherwise, so a single sum checks all elements without a branch per element.
      let p: UnsafePointer<T> = x.pointer()
      var sum = SIMD8<T>(repeating: 0)
      let whole = x.count & ~7
      for i in stride(from: 0, to: whole, by: 8) {
        sum += UnsafeRawPointer(p + i).loadUnaligned(as: SIMD8<T>.self) * 0
      }
      var rest = sum.sum()
      for i in whole..<x.count { rest += p[i] * 0 }
      return rest == 0
    }
    return x.scalarType == .float32 ? check(Float.self) : check(Double.self)
  }
}

extension Tensor {
  /// The address of the elements. The caller must keep the tensor alive while it reads.
  @inline(__always)
  func pointer<T: Scalar>() -> UnsafePointer<T> {
    UnsafePointer(storage.pointer.assumingMemoryBound(to: T.self))
  }
}
