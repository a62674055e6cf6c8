import Components
import Formats
import Foundation

/// The log of a run in JSON Lines: one object per event, with its `event` and `step`. The first line contains metasal's
/// mark; see `Ownership`.
final class MetricsLog {
  private let file: LogFile
  /// The existing events of the step from which the run is resumed.
  private var resumed: [Data] = []

  /// Opens the log for appending. Events of steps after `step` are removed, so that the log of a resumed run is the
  /// same as if it had never stopped; nil starts a new log.
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

  /// Whether the log already contained an event of this kind for the step from which the run is resumed.
  func holds(_ event: String) -> Bool { resumed.contains { Self.event($0)?.name == event } }

  /// Appends an event, unless the log already contained it for the step from which the run is resumed. Numbers that
  /// JSON cannot represent are left out.
  ///
  /// - Throws: a `FileError` if the event cannot be written; the log then ends with the previous event.
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

  /// The events in a run's log; lines that are none, such as one that a killed run left unfinished, are left out.
  static func events(_ path: String) throws -> [(name: String, step: Int, values: [String: Any])] {
    let decoder = JSONDecoder()
    return try Files.read(path).split(separator: 0x0a).compactMap { line in
      guard let values = try? decoder.decode([String: LoggedValue].self, from: line).mapValues(\.value),
        let name = values["event"] as? String, let step = (values["step"] as? Double).flatMap({ Int(exactly: $0) })
      else { return nil }
      return (name, step, values)
    }
  }

  /// Syncs all events to the disk. This happens before a checkpoint is written, whose step the log must contain.
  ///
  /// - Throws: a `FileError` if this fails.
  func sync() throws { try file.sync() }
}
