import Foundation

/// A reader over the bytes of a pickle, from front to back.
struct PickleInput {
  private let data: Data
  /// The path of the file and the name of its part, for error messages.
  let file, entry: String
  /// The current position in bytes from the start of the data.
  private(set) var position: Int

  init(_ data: Data, at position: Int, file: String, entry: String) {
    (self.data, self.position, self.file, self.entry) = (data, position, file, entry)
  }

  /// The total number of bytes.
  var count: Int { data.count }

  /// An error with the current position.
  func malformed(_ message: String) -> FileError {
    FileError(.malformed, file, "\(entry) at byte \(position): \(message)")
  }

  mutating func byte() throws -> UInt8 {
    guard position < data.count else { throw malformed("the pickle ends where one more byte is expected") }
    defer { position += 1 }
    return data[data.startIndex + position]
  }

  mutating func bytes(_ count: Int) throws -> Data {
    guard count >= 0, count <= data.count - position else {
      throw malformed("the pickle ends where \(count) more bytes are expected")
    }
    defer { position += count }
    return data.subdata(in: (data.startIndex + position)..<(data.startIndex + position + count))
  }

  /// Reads a little-endian unsigned number of `count` bytes.
  mutating func unsigned(_ count: Int) throws -> Int {
    var value = UInt64(0)
    for shift in 0..<count { value |= UInt64(try byte()) << UInt64(8 * shift) }
    guard let value = Int(exactly: value) else { throw malformed("a length of \(value)") }
    return value
  }

  /// Reads up to the next line break, and skips the line break.
  mutating func line() throws -> String {
    let rest = data[(data.startIndex + position)...]
    guard let end = rest.firstIndex(of: 0x0a) else { throw malformed("a line without an end") }
    let line = String(decoding: rest[..<end], as: UTF8.self)
    position = end - data.startIndex + 1
    return line
  }

  mutating func text(_ count: Int) throws -> String { String(decoding: try bytes(count), as: UTF8.self) }

  /// Reads an integer of `count` bytes in two's complement. Integers beyond 64 bits become texts, because nothing
  /// computes with them.
  mutating func long(_ count: Int) throws -> PickleValue {
    let digits = try bytes(count)
    guard count <= 16 else { return .string("a whole number of \(count) bytes") }
    var value = digits.reversed().reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
    if let last = digits.last, last & 0x80 != 0, count < 16 { value |= ~UInt128(0) << UInt128(8 * count) }
    return Self.integer(Int128(truncatingIfNeeded: value))
  }

  /// Reads a decimal integer from a line. Protocol 0 writes true and false as `01` and `00`.
  mutating func decimal() throws -> PickleValue {
    var text = try line()
    if ["00", "01"].contains(text) { return .bool(text == "01") }
    if text.hasSuffix("L") { text.removeLast() }
    return Int128(text).map(Self.integer) ?? .string(text)
  }

  private static func integer(_ value: Int128) -> PickleValue {
    Int(exactly: value).map(PickleValue.int) ?? .string(String(value))
  }

  /// Reads a line with a quoted text of Python 2.
  mutating func quoted() throws -> String {
    let line = try line()
    guard let quote = line.first, quote == "'" || quote == "\"", line.count > 1, line.last == quote else {
      throw malformed("a text without quotes")
    }
    return String(line.dropFirst().dropLast())
  }
}
