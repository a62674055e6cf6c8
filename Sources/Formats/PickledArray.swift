import Foundation
import Tensors

/// A NumPy array in a pickle: its type, shape, memory order and bytes.
struct PickledArray {
  let element: ElementType?
  /// NumPy's name of the element type.
  let type: String
  let shape: [Int]
  /// Whether the elements are in column-major (Fortran) order.
  let isColumnMajor: Bool
  let bytes: Data

  /// Whether a call of this function builds an array.
  static func isOne(_ function: String) -> Bool {
    function.hasPrefix("numpy.")
      && (function.hasSuffix(".multiarray._reconstruct") || function.hasSuffix("._frombuffer"))
  }

  /// The array that a placeholder stands for; nil if the placeholder is not a complete array.
  init?(_ object: PickleObject, _ pickled: Pickled) {
    let parts: [PickleValue]
    if object.type.hasSuffix("._frombuffer") {
      // (bytes, type, shape, order)
      guard object.arguments.count == 4 else { return nil }
      parts = [object.arguments[2], object.arguments[1], .bool(object.arguments[3].string == "F"), object.arguments[0]]
    } else {
      // (version, shape, type, order, bytes)
      guard let state = object.state.flatMap({ pickled.items($0) }), state.count == 5 else { return nil }
      parts = Array(state.dropFirst())
    }
    guard let shape = pickled.axes(parts[0]), case .object(let index) = parts[1],
      let bytes = Self.bytes(parts[3], pickled),
      pickled.objects[index].type == "numpy.dtype", let name = pickled.objects[index].arguments.first?.string
    else { return nil }
    // The state is (version, byte order, …); the byte order is '|' for types where it does not apply.
    let order = pickled.objects[index].state.flatMap { pickled.items($0)?.dropFirst().first?.string } ?? "<"
    (self.shape, self.bytes, isColumnMajor) = (shape, bytes, parts[2].bool ?? false)
    type = order + name
    element = order == ">" ? nil : Self.elements[name]
  }

  private static let elements: [String: ElementType] = [
    "f8": .float64, "f4": .float32, "f2": .float16, "i8": .int64, "i4": .int32, "i2": .int16, "i1": .int8,
    "u8": .uint64,
    "u4": .uint32, "u2": .uint16, "u1": .uint8, "b1": .bool,
  ]

  /// The bytes in a value. Protocol 2 writes them as a text whose code points are the bytes.
  private static func bytes(_ value: PickleValue, _ pickled: Pickled) -> Data? {
    if case .bytes(let bytes) = value { return bytes }
    guard case .object(let index) = value, pickled.objects[index].type == "_codecs.encode",
      let text = pickled.objects[index].arguments.first?.string
    else { return nil }
    var bytes = Data(capacity: text.unicodeScalars.count)
    for letter in text.unicodeScalars {
      guard let byte = UInt8(exactly: letter.value) else { return nil }
      bytes.append(byte)
    }
    return bytes
  }

  /// The array as a tensor; nil if the element type is not supported or the number of bytes does not match the shape.
  var tensor: Tensor? {
    guard let element, let count = StridedPositions.count(shape), count <= bytes.count,
      bytes.count == count * element.size
    else { return nil }
    var positions = StridedPositions(contiguous: shape)
    if isColumnMajor {
      let reversed = StridedPositions(contiguous: shape.reversed())
      positions = StridedPositions(shape: shape, strides: reversed.strides.reversed())
    }
    return element.tensor(bytes, at: 0, shape: shape, positions: positions)
  }
}
