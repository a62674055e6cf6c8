import Foundation
import Formats

/// A run's numbers as JSON Lines: one object per event, each with the `event` and the `step` it belongs to.
public struct MetricsLog {
  private let handle: FileHandle

  /// Opens the log for appending.
  ///
  /// - Parameter step: events of later steps are dropped, so that a resumed run's log is as if it had never stopped; nil for
  ///   a new log.
  public init(_ path: String, resumingAt step: Int?) throws {
    var kept = Data()
    if let step, FileManager.default.fileExists(atPath: path) {
      for line in try Files.read(path).split(separator: 0x0a) {
        guard let event = try? JSONSerialization.jsonObject(with: line) as? [String: Any],
          let at = event["step"] as? Int, at <= step
        else { continue }
        kept += line + [0x0a]
      }
    }
    try Files.write(kept, to: path)
    guard let handle = FileHandle(forWritingAtPath: path) else {
      throw FileError(.unwritable, path, "cannot be appended to")
    }
    try handle.seekToEnd()
    self.handle = handle
  }

  /// Appends an event. Numbers that JSON cannot hold are left out.
  public func add(_ event: String, step: Int, _ values: [String: Any]) throws {
    var object = values.filter { ($0.value as? Double)?.isFinite ?? true }
    object["event"] = event
    object["step"] = step
    let line = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
    try handle.write(contentsOf: line + [0x0a])
  }
}
