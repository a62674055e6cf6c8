/// An n-dimensional array of numbers: an immutable, contiguous, row-major value that records how it was computed.
///
/// Images are NHWC, so that the channel vector of a location is contiguous; convolution kernels are HWIO. An operation
/// is recorded if at least one of its operands is tracked (see ``tracked()``), and
/// `gradients(of:withRespectTo:)` differentiates it, to any order. Misuse (shapes that do not
/// fit, mixed scalar types) is a programming error and traps with a message that names both sides. Data from outside is
/// validated before it becomes a tensor.
public struct Tensor: Sendable {
  /// The sizes of the axes, the slowest first; empty for a single number.
  public let shape: [Int]
  /// The type of the elements.
  public let scalarType: ScalarType
  let storage: Storage
  let node: Node?

  init(storage: Storage, shape: [Int], scalarType: ScalarType, node: Node? = nil) {
    self.storage = storage
    self.shape = shape
    self.scalarType = scalarType
    self.node = node
  }

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// The number of axes.
  public var rank: Int { shape.count }
}

// MARK: - Creation

extension Tensor {
  /// Creates a tensor of `shape` from its elements in row-major order.
  public init<T: Scalar>(_ elements: [T], shape: [Int]) {
    precondition(
      elements.count == shape.reduce(1, *), "Tensor: \(elements.count) elements do not fill the shape \(shape)")
    self = Kernels.make(shape, T.self, from: ()) { out in
      elements.withUnsafeBufferPointer { source in
        if let base = source.baseAddress { out.update(from: base, count: source.count) }
      }
    }
  }

  /// Creates a vector.
  public init<T: Scalar>(_ elements: [T]) { self.init(elements, shape: [elements.count]) }

  /// Creates a single number, of shape [].
  public init(_ value: Double, _ type: ScalarType = .float32) { self.init(repeating: value, shape: [], type) }

  /// Creates a tensor whose elements are all equal.
  public init(repeating value: Double, shape: [Int], _ type: ScalarType = .float32) {
    self = Kernels.fill(value, shape: shape, type)
  }

  /// A tensor of zeros.
  public static func zeros(_ shape: [Int], _ type: ScalarType = .float32) -> Tensor {
    Tensor(repeating: 0, shape: shape, type)
  }

  /// A tensor of zeros that takes no memory until its elements are read. It is for weights that are replaced before
  /// they are used, and for values of which only the shape matters.
  public static func lazyZeros(_ shape: [Int], _ type: ScalarType = .float32) -> Tensor {
    Tensor(storage: Storage(zeros: shape.reduce(1, *) * type.size), shape: shape, scalarType: type)
  }

  /// A tensor of ones.
  public static func ones(_ shape: [Int], _ type: ScalarType = .float32) -> Tensor {
    Tensor(repeating: 1, shape: shape, type)
  }

  /// Repeats this tensor along a new first axis; not recorded. Convolutions recognize such kernels and treat them as a
  /// single one.
  public func repeated(_ count: Int) -> Tensor {
    count == 1 ? withShape([1] + shape) : Kernels.repeated(self, count)
  }

  /// The same elements in another scalar type; not recorded.
  public func converted(to type: ScalarType) -> Tensor {
    type == scalarType ? detached() : Kernels.convert(self, to: type)
  }
}

// MARK: - Reading

extension Tensor {
  /// The elements in row-major order, converted to `T` if the tensor has the other type.
  public func elements<T: Scalar>(_: T.Type = T.self) -> [T] { Kernels.read(self) }

  /// The elements in row-major order, as `Float`.
  public var floats: [Float] { elements(Float.self) }

  /// The elements in row-major order, as `Double`.
  public var doubles: [Double] { elements(Double.self) }

  /// The only element of a tensor with one element.
  public var item: Double {
    precondition(count == 1, "Tensor.item: the shape \(shape) does not hold a single number")
    return doubles[0]
  }

  /// Calls `body` with the tensor's bytes, which are row-major and in the machine's byte order.
  public func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try Kernels.withBytes(of: self, body)
  }

  /// Creates a tensor whose bytes `fill` writes, row-major and in the machine's byte order. It must write every byte.
  public static func filling<Failure: Error>(
    _ shape: [Int], _ type: ScalarType, _ fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) -> Tensor {
    try Kernels.filling(shape, type, fill)
  }

  /// Whether all elements are finite.
  public var isFinite: Bool { Kernels.isFinite(self) }
}

extension Tensor: CustomStringConvertible {
  public var description: String {
    let shown = elements(Double.self).prefix(12).map { String($0) }.joined(separator: ", ")
    return "Tensor(\(scalarType) \(shape): \(shown)\(count > 12 ? ", …" : ""))"
  }
}
