import Components
import Formats
import Foundation

/// A run's numbers as JSON Lines: one object per event, each with the `event` and the `step` it belongs to. The first says who
/// wrote it.
final class MetricsLog {
  private let file: LogFile
  /// Events of the step at which the log goes on.
  private var resumed: [Data] = []

  /// Opens the log for appending. Events of steps later than `step` are dropped, so that a resumed run's log is as if it had
  /// never stopped; nil makes a new log.
  init(_ path: String, resumingAt step: Int?) throws {
    let head = try Self.line("run", step: 0, [Ownership.key: Ownership.name])
    var kept = head
    if let step, FileManager.default.fileExists(atPath: path) {
      for line in try Files.read(path).split(separator: 0x0a) {
        guard let at = Self.event(line)?.step, at <= step else { continue }
        let line = line + [0x0a]
        if line != head { kept += line }
        if at == step { resumed.append(line) }
      }
    }
    try Files.write(kept, to: path)
    file = try LogFile(path)
  }

  /// Whether the log held an event of that kind of the step at which it goes on.
  func holds(_ event: String) -> Bool { resumed.contains { Self.event($0)?.name == event } }

  /// Appends an event, unless it is one of the step at which the log goes on and is there already. Numbers that JSON cannot hold
  /// are left out.
  ///
  /// - Throws: a ``FileError`` if it cannot be written; the log then ends with the event before.
  func add(_ event: String, step: Int, _ values: [String: Any]) throws {
    let line = try Self.line(event, step: step, values)
    guard !resumed.contains(line) else { return }
    try file.append(line)
  }

  private static func line(_ event: String, step: Int, _ values: [String: Any]) throws -> Data {
    var object = values.filter { ($0.value as? Double)?.isFinite ?? true }
    object["event"] = event
    object["step"] = step
    return try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes]) + [0x0a]
  }

  private static func event(_ line: Data) -> (name: String, step: Int)? {
    guard let event = try? JSONSerialization.jsonObject(with: line) as? [String: Any],
      let name = event["event"] as? String, let step = event["step"] as? Int
    else { return nil }
    return (name, step)
  }

  /// Sees that all events are on the disk: what names a step, as a checkpoint does, is written after that.
  ///
  /// - Throws: a ``FileError`` if they are not.
  func sync() throws { try file.sync() }
}
