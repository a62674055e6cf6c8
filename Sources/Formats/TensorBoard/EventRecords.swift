import Foundation
import SwiftProtobuf

/// The records of an event file. Each is framed as in a TFRecord file: the length (8 bytes, little-endian), its masked
/// CRC-32C (4 bytes), the event, and the event's masked CRC-32C.
enum EventRecords {
  private static let (head, tail) = (12, 4)

  /// An event with its frame.
  ///
  /// - Throws: an error of swift-protobuf, which occurs only for messages of more than two gigabytes.
  static func record(_ event: Tensorboard_Event) throws -> Data {
    let event = try event.serializedData()
    let length = bytes(UInt64(event.count))
    return length + bytes(CRC32C.masked(length)) + event + bytes(CRC32C.masked(event))
  }

  /// The events at the beginning of some data, up to the first that is incomplete or damaged.
  static func events(_ data: Data) -> [Tensorboard_Event] {
    var (events, rest) = ([Tensorboard_Event](), data[...])
    while let (event, count) = first(rest) {
      events.append(event)
      rest = rest.dropFirst(count)
    }
    return events
  }

  /// Whether some data begin like an event file that metasal wrote.
  static func areOwn(_ data: Data) -> Bool { first(data[...])?.event.sourceMetadata.writer == Ownership.name }

  /// The first event and the size of its record; nil if it is incomplete or damaged.
  private static func first(_ data: Data) -> (event: Tensorboard_Event, count: Int)? {
    guard data.count >= head + tail else { return nil }
    func part(_ from: Int, _ count: Int) -> Data { data.dropFirst(from).prefix(count) }
    let length = part(0, 8)
    let size = number(length)
    guard number(part(8, 4)) == UInt64(CRC32C.masked(length)), size <= UInt64(data.count - head - tail) else {
      return nil
    }
    let event = part(head, Int(size))
    guard number(part(head + Int(size), 4)) == UInt64(CRC32C.masked(event)),
      let event = try? Tensorboard_Event(serializedBytes: event)
    else { return nil }
    return (event, head + Int(size) + tail)
  }

  private static func bytes(_ value: some FixedWidthInteger) -> Data {
    withUnsafeBytes(of: value.littleEndian) { Data($0) }
  }

  private static func number(_ bytes: Data) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
}
