import Foundation

/// The bytes of a pickle, read from front to back.
struct PickleInput {
  private let data: Data
  /// The file, and what part of it, for errors.
  let file, entry: String
  /// How far it is read, from the data's start.
  private(set) var position: Int

  init(_ data: Data, at position: Int, file: String, entry: String) {
    (self.data, self.position, self.file, self.entry) = (data, position, file, entry)
  }

  /// How many bytes there are in all.
  var count: Int { data.count }

  /// An error at this place.
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

  /// A number of so many bytes, the least significant first.
  mutating func unsigned(_ count: Int) throws -> Int {
    var value = UInt64(0)
    for shift in 0..<count { value |= UInt64(try byte()) << UInt64(8 * shift) }
    guard let value = Int(exactly: value) else { throw malformed("a length of \(value)") }
    return value
  }

  /// What stands before the next line break, which is passed.
  mutating func line() throws -> String {
    let rest = data[(data.startIndex + position)...]
    guard let end = rest.firstIndex(of: 0x0a) else { throw malformed("a line without an end") }
    let line = String(decoding: rest[..<end], as: UTF8.self)
    position = end - data.startIndex + 1
    return line
  }

  mutating func text(_ count: Int) throws -> String { String(decoding: try bytes(count), as: UTF8.self) }

  /// A whole number in two's complement; beyond 64 bits as text, since nobody calculates with those.
  mutating func long(_ count: Int) throws -> PickleValue {
    let digits = try bytes(count)
    guard count <= 16 else { return .string("a whole number of \(count) bytes") }
    var value = digits.reversed().reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
    if let last = digits.last, last & 0x80 != 0, count < 16 { value |= ~UInt128(0) << UInt128(8 * count) }
    return Self.integer(Int128(truncatingIfNeeded: value))
  }

  /// A whole number, written out in a line; or true and false, which protocol 0 writes as numbers that nothing else looks like.
  mutating func decimal() throws -> PickleValue {
    var text = try line()
    if ["00", "01"].contains(text) { return .bool(text == "01") }
    if text.hasSuffix("L") { text.removeLast() }
    return Int128(text).map(Self.integer) ?? .string(text)
  }

  private static func integer(_ value: Int128) -> PickleValue {
    Int(exactly: value).map(PickleValue.int) ?? .string(String(value))
  }

  /// A text of Python 2, quoted as in a program, in a line.
  mutating func quoted() throws -> String {
    let line = try line()
    guard let quote = line.first, quote == "'" || quote == "\"", line.count > 1, line.last == quote else {
      throw malformed("a text without quotes")
    }
    return String(line.dropFirst().dropLast())
  }
}
