import Foundation

// The wire format of protocol buffers (protobuf.dev/programming-guides/encoding): fields, each a number and a value.
// Only a few fields of ONNX's messages are needed, so they are read and written directly, without generated code.

/// Encodes a message.
struct ProtobufWriter {
  private(set) var data = Data()

  mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      data.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    data.append(UInt8(rest))
  }

  mutating func integer(_ field: Int, _ value: Int) {
    varint(UInt64(field << 3))
    varint(UInt64(bitPattern: Int64(value)))
  }

  mutating func float(_ field: Int, _ value: Float) {
    varint(UInt64(field << 3 | 5))
    withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) }
  }

  mutating func bytes(_ field: Int, _ value: Data) {
    varint(UInt64(field << 3 | 2))
    varint(UInt64(value.count))
    data.append(value)
  }

  mutating func text(_ field: Int, _ value: String) { bytes(field, Data(value.utf8)) }

  mutating func message(_ field: Int, _ body: (inout ProtobufWriter) -> Void) {
    var inner = ProtobufWriter()
    body(&inner)
    bytes(field, inner.data)
  }
}

/// Decodes a message into its fields, in order.
struct ProtobufReader: Sequence, IteratorProtocol {
  enum Value {
    /// The bits of a value of wire type 0, 1 or 5.
    case number(UInt64)
    case bytes(Data)
  }

  /// An error in the encoding of a message.
  struct Malformed: Error { let message: String }

  private let data: Data
  private var position: Int
  /// The error that stopped the iteration before the end; nil if there is none.
  private(set) var error: Malformed?

  init(_ data: Data) { (self.data, position) = (data, data.startIndex) }

  /// All fields of a message.
  static func fields(_ data: Data) throws -> [(field: Int, value: Value)] {
    var reader = ProtobufReader(data)
    var fields: [(field: Int, value: Value)] = []
    while let next = reader.next() { fields.append(next) }
    if let error = reader.error { throw error }
    return fields
  }

  mutating func next() -> (field: Int, value: Value)? {
    guard position < data.endIndex else { return nil }
    do {
      let key = try varint()
      let field = Int(clamping: key >> 3)
      switch key & 7 {
      case 0: return (field, .number(try varint()))
      case 1: return (field, .number(try fixed(8)))
      case 2:
        let count = try varint()
        guard count <= UInt64(data.endIndex - position) else {
          throw Malformed(message: "a field of \(count) bytes, of which \(data.endIndex - position) are there")
        }
        defer { position += Int(count) }
        return (field, .bytes(data[position..<(position + Int(count))]))
      case 5: return (field, .number(try fixed(4)))
      default: throw Malformed(message: "a field of the unknown kind \(key & 7)")
      }
    } catch {
      self.error = error as? Malformed
      position = data.endIndex
      return nil
    }
  }

  private mutating func varint() throws -> UInt64 {
    var (value, shift) = (UInt64(0), UInt64(0))
    while position < data.endIndex, shift < 64 {
      let byte = data[position]
      position += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw Malformed(message: "a number that does not end")
  }

  private mutating func fixed(_ count: Int) throws -> UInt64 {
    guard data.endIndex - position >= count else { throw Malformed(message: "a number of \(count) bytes is cut off") }
    defer { position += count }
    return data[position..<(position + count)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Decodes a key and its value, both texts.
  static func pair(_ data: Data) throws -> (key: String, value: String) {
    var texts = [1: "", 2: ""]
    for case (let field, .bytes(let text)) in try fields(data) { texts[field] = String(decoding: text, as: UTF8.self) }
    return (texts[1] ?? "", texts[2] ?? "")
  }

  /// Decodes numbers that are packed into one field.
  static func packed(_ data: Data) throws -> [UInt64] {
    var reader = ProtobufReader(data)
    var numbers: [UInt64] = []
    while reader.position < data.endIndex { numbers.append(try reader.varint()) }
    return numbers
  }
}
