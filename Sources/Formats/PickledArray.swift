import Foundation
import Tensors

/// An array of numpy's, as pickles have it: what would be called to make it, and its bytes.
struct PickledArray {
  let element: ElementType?
  /// What numpy calls the type of its elements.
  let type: String
  let shape: [Int]
  /// Whether the first axis is the one whose elements lie side by side.
  let isColumnMajor: Bool
  let bytes: Data

  /// Whether that function makes arrays.
  static func isOne(_ function: String) -> Bool {
    function.hasPrefix("numpy.")
      && (function.hasSuffix(".multiarray._reconstruct") || function.hasSuffix("._frombuffer"))
  }

  /// Nil if the object is none, or incomplete.
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
    // (version, byte order, …); '|' where there is none.
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

  /// Bytes, which protocol 2 writes as the text of those letters.
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

  /// The array as a tensor; nil if its elements cannot be read, or are not as many as it says.
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
