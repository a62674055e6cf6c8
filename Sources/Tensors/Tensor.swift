/// An n-dimensional array of numbers: an immutable, contiguous, row-major value that knows how it was computed.
///
/// Images are NHWC, so that a location's channel vector is contiguous; convolution kernels are HWIO. An operation on
/// tensors of which at least one is tracked (see ``tracked()``) is recorded, and `gradients(of:withRespectTo:)`
/// differentiates it, to any order. Misuse (shapes that don't fit, mixed scalar types) is a programming error and traps
/// with a message that names both sides; data from outside is validated before it becomes a tensor.
public struct Tensor: Sendable {
  /// Sizes of the axes, slowest first. Empty for a single number.
  public let shape: [Int]
  /// What the elements are.
  public let scalarType: ScalarType
  let storage: Storage
  let node: Node?

  init(storage: Storage, shape: [Int], scalarType: ScalarType, node: Node? = nil) {
    self.storage = storage
    self.shape = shape
    self.scalarType = scalarType
    self.node = node
  }

  /// Number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// Number of axes.
  public var rank: Int { shape.count }
}

// MARK: - Creation

extension Tensor {
  /// A tensor of `shape` with the elements in row-major order.
  public init<T: Scalar>(_ elements: [T], shape: [Int]) {
    precondition(
      elements.count == shape.reduce(1, *), "Tensor: \(elements.count) elements do not fill the shape \(shape)")
    self = Kernels.make(shape, T.self, from: ()) { out in
      elements.withUnsafeBufferPointer { source in
        if let base = source.baseAddress { out.update(from: base, count: source.count) }
      }
    }
  }

  /// A vector.
  public init<T: Scalar>(_ elements: [T]) { self.init(elements, shape: [elements.count]) }

  /// A single number, of shape [].
  public init(_ value: Double, _ type: ScalarType = .float32) { self.init(repeating: value, shape: [], type) }

  /// A tensor whose elements all have one value.
  public init(repeating value: Double, shape: [Int], _ type: ScalarType = .float32) {
    self = Kernels.fill(value, shape: shape, type)
  }

  /// A tensor of zeros.
  public static func zeros(_ shape: [Int], _ type: ScalarType = .float32) -> Tensor {
    Tensor(repeating: 0, shape: shape, type)
  }

  /// A tensor of zeros that takes memory only where its elements are looked at: for weights that are replaced before they are
  /// used, and for values of which only the shape matters.
  public static func lazyZeros(_ shape: [Int], _ type: ScalarType = .float32) -> Tensor {
    Tensor(storage: Storage(zeros: shape.reduce(1, *) * type.size), shape: shape, scalarType: type)
  }

  /// A tensor of ones.
  public static func ones(_ shape: [Int], _ type: ScalarType = .float32) -> Tensor {
    Tensor(repeating: 1, shape: shape, type)
  }

  /// This tensor so many times, along a new first axis; not a recorded operation. Convolutions know such kernels for one.
  public func repeated(_ count: Int) -> Tensor {
    count == 1 ? withShape([1] + shape) : Kernels.repeated(self, count)
  }

  /// The same elements in the other precision; not a recorded operation.
  public func converted(to type: ScalarType) -> Tensor {
    type == scalarType ? detached() : Kernels.convert(self, to: type)
  }
}

// MARK: - Reading

extension Tensor {
  /// The elements in row-major order, converted to `T` where the tensor holds the other type.
  public func elements<T: Scalar>(_: T.Type = T.self) -> [T] { Kernels.read(self) }

  /// The elements in row-major order, as `Float`.
  public var floats: [Float] { elements(Float.self) }

  /// The elements in row-major order, as `Double`.
  public var doubles: [Double] { elements(Double.self) }

  /// The single element of a tensor with one element.
  public var item: Double {
    precondition(count == 1, "Tensor.item: the shape \(shape) does not hold a single number")
    return doubles[0]
  }

  /// Calls `body` with the tensor's bytes: row-major, in the machine's byte order.
  public func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try Kernels.withBytes(of: self, body)
  }

  /// A tensor whose bytes `fill` writes: row-major, in the machine's byte order. `fill` must write every byte.
  public static func filling<Failure: Error>(
    _ shape: [Int], _ type: ScalarType, _ fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) -> Tensor {
    try Kernels.filling(shape, type, fill)
  }

  /// Whether no element is infinite or not a number.
  public var isFinite: Bool { Kernels.isFinite(self) }
}

extension Tensor: CustomStringConvertible {
  public var description: String {
    let shown = elements(Double.self).prefix(12).map { String($0) }.joined(separator: ", ")
    return "Tensor(\(scalarType) \(shape): \(shown)\(count > 12 ? ", …" : ""))"
  }
}
