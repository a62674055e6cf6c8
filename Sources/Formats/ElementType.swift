import Foundation
import Tensors

/// The element types that weight files can hold, all little-endian. When read, float16, bfloat16 and float8 become
/// float32; integers and bool become float64, which represents integers exactly up to 2⁵³.
enum ElementType: String, Sendable, CaseIterable {
  case float64 = "F64"
  case float32 = "F32"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case float8e4m3 = "F8_E4M3"
  case float8e5m2 = "F8_E5M2"
  case int64 = "I64"
  case int32 = "I32"
  case int16 = "I16"
  case int8 = "I8"
  case uint64 = "U64"
  case uint32 = "U32"
  case uint16 = "U16"
  case uint8 = "U8"
  case bool = "BOOL"

  /// Bytes per element.
  var size: Int {
    switch self {
    case .float64, .int64, .uint64: 8
    case .float32, .int32, .uint32: 4
    case .float16, .bfloat16, .int16, .uint16: 2
    case .float8e4m3, .float8e5m2, .int8, .uint8, .bool: 1
    }
  }

  /// The name of the type in PyTorch, such as `float32`.
  var name: String {
    switch self {
    case .float64: "float64"
    case .float32: "float32"
    case .float16: "float16"
    case .bfloat16: "bfloat16"
    case .float8e4m3: "float8_e4m3fn"
    case .float8e5m2: "float8_e5m2"
    case .int64: "int64"
    case .int32: "int32"
    case .int16: "int16"
    case .int8: "int8"
    case .uint64: "uint64"
    case .uint32: "uint32"
    case .uint16: "uint16"
    case .uint8: "uint8"
    case .bool: "bool"
    }
  }

  /// The type with this PyTorch name, such as `torch.float32`; nil if that type is not supported.
  init?(torch name: String) {
    guard let type = Self.allCases.first(where: { "torch." + $0.name == name }) else { return nil }
    self = type
  }

  var scalarType: ScalarType {
    switch self {
    case .float32, .float16, .bfloat16, .float8e4m3, .float8e5m2: .float32
    default: .float64
    }
  }

  /// Reads a tensor from `bytes`. The elements lie at byte `offset` plus each of `positions`, which count elements. The
  /// caller has checked that all of them are inside `bytes`.
  func tensor(_ bytes: Data, at offset: Int, shape: [Int], positions: StridedPositions) -> Tensor {
    bytes.withUnsafeBytes { raw in
      func read<T>(_: T.Type, _ index: Int) -> T {
        raw.loadUnaligned(fromByteOffset: offset + index * MemoryLayout<T>.size, as: T.self)
      }
      func fill<S: Scalar>(_ value: (Int) -> S) -> Tensor {
        var elements: [S] = []
        elements.reserveCapacity(shape.reduce(1, *))
        positions.forEach { elements.append(value($0)) }
        return Tensor(elements, shape: shape)
      }
      switch self {
      case .float64: return fill { Double(bitPattern: UInt64(littleEndian: read(UInt64.self, $0))) }
      case .float32: return fill { Float(bitPattern: UInt32(littleEndian: read(UInt32.self, $0))) }
      case .float16: return fill { Self.half(UInt16(littleEndian: read(UInt16.self, $0))) }
      case .bfloat16: return fill { Float(bitPattern: UInt32(UInt16(littleEndian: read(UInt16.self, $0))) << 16) }
      case .float8e4m3: return fill { Self.float8e4m3(read(UInt8.self, $0)) }
      // float8_e5m2 is the upper byte of a float16.
      case .float8e5m2: return fill { Self.half(UInt16(read(UInt8.self, $0)) << 8) }
      case .int64: return fill { Double(Int64(littleEndian: read(Int64.self, $0))) }
      case .int32: return fill { Double(Int32(littleEndian: read(Int32.self, $0))) }
      case .int16: return fill { Double(Int16(littleEndian: read(Int16.self, $0))) }
      case .int8: return fill { Double(read(Int8.self, $0)) }
      case .uint64: return fill { Double(UInt64(littleEndian: read(UInt64.self, $0))) }
      case .uint32: return fill { Double(UInt32(littleEndian: read(UInt32.self, $0))) }
      case .uint16: return fill { Double(UInt16(littleEndian: read(UInt16.self, $0))) }
      case .uint8: return fill { Double(read(UInt8.self, $0)) }
      case .bool: return fill { read(UInt8.self, $0) == 0 ? 0.0 : 1.0 }
      }
    }
  }

  /// The tensor's elements as bytes of this floating-point type, rounded to nearest, ties to even.
  func data(_ tensor: Tensor) -> Data {
    if scalarType == tensor.scalarType && size == tensor.scalarType.size {
      return tensor.withUnsafeBytes { Data($0) }
    }
    func bits(_ value: Double) -> (UInt64) {
      switch self {
      case .float64: value.bitPattern
      case .float32: UInt64(Float(value).bitPattern)
      case .bfloat16: UInt64(Self.rounded(Float(value), fractionBits: 7, exponentBits: 8))
      default: UInt64(Self.rounded(Float(value), fractionBits: 10, exponentBits: 5))
      }
    }
    var data = Data(capacity: tensor.count * size)
    for value in tensor.doubles {
      withUnsafeBytes(of: bits(value).littleEndian) { data.append(contentsOf: $0.prefix(size)) }
    }
    return data
  }

  /// The bits of a number rounded to a type with the given numbers of fraction and exponent bits; infinity where the
  /// number is too large for that type.
  private static func rounded(_ value: Float, fractionBits: Int, exponentBits: Int) -> UInt16 {
    let sign = UInt16(value.sign == .minus ? 0x8000 : 0)
    let infinity = UInt16((1 << exponentBits) - 1) << UInt16(fractionBits)
    if value.isNaN { return sign | infinity | 1 << UInt16(fractionBits - 1) }
    let (magnitude, bias) = (Double(value.magnitude), (1 << (exponentBits - 1)) - 1)
    guard magnitude > 0 else { return sign }
    guard value.isFinite else { return sign | infinity }
    // Below the smallest normal number (subnormals) all representable numbers are multiples of one step.
    let exponent = max(Int(magnitude.exponent), 1 - bias)
    let steps = (magnitude / Double(sign: .plus, exponent: exponent - fractionBits, significand: 1))
      .rounded(.toNearestOrEven)
    // A fraction that rounds up to the next power of two carries into the exponent by this addition.
    let bits = Int(steps) + ((exponent + bias - 1) << fractionBits)
    return sign | UInt16(min(bits, Int(infinity)))
  }

  /// Converts IEEE 754 half precision to float32, which is exact. Swift has no `Float16` on every platform.
  private static func half(_ bits: UInt16) -> Float {
    let sign: Float = bits & 0x8000 == 0 ? 1 : -1
    let (exponent, fraction) = (Int(bits >> 10) & 0x1f, Float(bits & 0x3ff))
    switch exponent {
    case 0: return sign * fraction * 0x1p-24
    case 31: return fraction == 0 ? sign * .infinity : .nan
    default: return sign * (1 + fraction * 0x1p-10) * Float(sign: .plus, exponent: exponent - 15, significand: 1)
    }
  }
}

extension ElementType {
  /// Converts float8_e4m3fn to float32: four exponent bits, three fraction bits, no infinities
  /// (arxiv.org/abs/2209.05433).
  fileprivate static func float8e4m3(_ bits: UInt8) -> Float {
    let sign: Float = bits & 0x80 == 0 ? 1 : -1
    let (exponent, fraction) = (Int(bits >> 3) & 0xf, Float(bits & 7))
    if bits & 0x7f == 0x7f { return .nan }
    if exponent == 0 { return sign * fraction * 0x1p-9 }
    return sign * (1 + fraction / 8) * Float(sign: .plus, exponent: exponent - 7, significand: 1)
  }
}

/// The floating-point types in which weights can be written.
public enum StoredPrecision: String, Sendable, CaseIterable {
  /// IEEE 754 numbers of 64, 32 and 16 bits, and bfloat16, the upper 16 bits of a float32.
  case float64, float32, float16, bfloat16

  var element: ElementType {
    switch self {
    case .float64: .float64
    case .float32: .float32
    case .float16: .float16
    case .bfloat16: .bfloat16
    }
  }
}

/// The positions of a strided tensor's elements in its storage, in row-major order.
struct StridedPositions {
  let shape, strides: [Int]

  /// Row-major positions without gaps.
  init(contiguous shape: [Int]) {
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] &* shape[axis + 1] }
    self.init(shape: shape, strides: strides)
  }

  init(shape: [Int], strides: [Int]) { (self.shape, self.strides) = (shape, strides) }

  /// The largest number of axes that is accepted; no real tensor has more.
  static let largestRank = 16

  func forEach(_ body: (Int) -> Void) {
    if shape.contains(0) { return }  // a tensor without elements; its other axes may have any size
    func walk(_ axis: Int, _ position: Int) {
      if axis == shape.count { return body(position) }
      for i in 0..<shape[axis] { walk(axis + 1, position + i * strides[axis]) }
    }
    walk(0, 0)
  }

  /// One past the largest position; nil if sizes or strides are negative or the result overflows.
  var end: Int? {
    guard shape.allSatisfy({ $0 >= 0 }), strides.allSatisfy({ $0 >= 0 }), shape.count == strides.count,
      shape.count <= Self.largestRank
    else { return nil }
    if shape.contains(0) { return 0 }
    var end = 1
    for (size, stride) in zip(shape, strides) {
      let (step, overflows) = (size - 1).multipliedReportingOverflow(by: stride)
      let (sum, overflowsToo) = end.addingReportingOverflow(step)
      if overflows || overflowsToo { return nil }
      end = sum
    }
    return end
  }

  /// The number of elements of a tensor of this shape; nil if a size is negative, there are too many axes, or the
  /// product of the sizes overflows. The overflow check leaves out sizes of 0, so it also holds for empty tensors.
  static func count(_ shape: [Int]) -> Int? {
    guard shape.count <= largestRank else { return nil }
    var count = 1
    for size in shape {
      let (product, overflows) = count.multipliedReportingOverflow(by: max(1, size))
      if size < 0 || overflows { return nil }
      count = product
    }
    return shape.contains(0) ? 0 : count
  }
}

extension Tensor {
  /// The element type that stores this tensor without conversion.
  var elementType: ElementType { scalarType == .float32 ? .float32 : .float64 }
}
