import Components
import Foundation
import Logging

/// The handler of swift-log behind metasal's commands.
///
/// Results, such as tables, are logged as `notice` and written to standard output; everything else goes to standard error.
/// What has happened so far is `info`, details are `debug`. Control characters, which names in files can contain, are
/// escaped, since they could control the terminal.
public struct MessageHandler: LogHandler {
  /// The form of messages.
  public enum Format: String, CaseIterable, Sendable {
    /// Text for people. On terminals lines end between words, and the lines above and below a table's header stand out.
    case text
    /// A JSON object on each line, with `time`, `level`, `message` and the message's metadata.
    case json
  }

  /// The form of messages.
  public let format: Format
  public var logLevel: Logger.Level
  public var metadata: Logger.Metadata = [:]

  /// A handler of messages of a level and those above it.
  public init(_ format: Format = .text, level: Logger.Level = .info) { (self.format, logLevel) = (format, level) }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    let isResult = event.level == .notice
    let text =
      switch format {
      case .text: Self.text(event.message.description, event.level, on: isResult ? .output : .errors)
      case .json: Self.json(event, metadata)
      }
    if isResult {
      StandardError.erase()
      StandardOutput.write(text + "\n")
    } else {
      StandardError.write(text + "\n")
    }
  }

  /// Whether progress is shown as a line that is drawn again and again, and not as messages.
  var drawsProgress: Bool { format == .text && Terminal.errors.isTerminal }

  // MARK: Text

  static func text(_ message: String, _ level: Logger.Level, on terminal: Terminal) -> String {
    func colored(_ text: String, _ code: String) -> String {
      terminal.isColored ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }
    let text = message.printableLines
    switch level {
    case .error, .critical:
      return colored("metasal:", "31") + " " + folded(text, on: terminal, after: "metasal: ".count)
    case .warning: return colored("Warning:", "33") + " " + folded(text, on: terminal, after: "Warning: ".count)
    case .notice: return styled(folded(text, on: terminal)) { colored($0, $1) }
    case .info: return folded(text, on: terminal)
    case .debug, .trace: return colored(folded(text, on: terminal), "2")
    }
  }

  /// The text with long lines broken between words on terminals, which would break them anywhere. Indented lines are
  /// lists and commands, and stay as they are.
  private static func folded(_ text: String, on terminal: Terminal, after start: Int = 0) -> String {
    guard terminal.isTerminal else { return text }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    return lines.enumerated().map { index, line in
      let indent = index == 0 ? start : 0
      guard line.count + indent > terminal.columns, line.first != " " else { return String(line) }
      return String(line).folded(to: terminal.columns, after: indent)
    }.joined(separator: "\n")
  }

  /// The text with rules dim and what stands right above them, the header of a table, bold.
  private static func styled(_ text: String, _ colored: (_ text: String, _ code: String) -> String) -> String {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var isHeader = [Bool](repeating: false, count: lines.count)
    for index in lines.indices.reversed().dropFirst() where !lines[index].isEmpty && !Table.isRule(lines[index]) {
      isHeader[index] = Table.isRule(lines[index + 1]) || isHeader[index + 1]
    }
    return zip(lines, isHeader).map { line, isHeader in
      Table.isRule(line) ? colored(line, "2") : isHeader ? colored(line, "1") : line
    }.joined(separator: "\n")
  }

  // MARK: JSON

  static func json(_ event: LogEvent, _ metadata: Logger.Metadata) -> String {
    var object = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues(value)
    object["time"] = Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    object["level"] = event.level.rawValue
    object["message"] = event.message.description.trimmingCharacters(in: .newlines).printableLines
    let options: JSONSerialization.WritingOptions = [.sortedKeys, .withoutEscapingSlashes]
    let data = try? JSONSerialization.data(withJSONObject: object, options: options)
    return data.map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }

  private static func value(_ value: Logger.Metadata.Value) -> Any {
    switch value {
    case .string(let text): text
    case .stringConvertible(let number as Int): number
    case .stringConvertible(let number as Double): number.isFinite ? number : NSNull()
    case .stringConvertible(let other): other.description
    case .array(let items): items.map(Self.value)
    case .dictionary(let items): items.mapValues(Self.value)
    }
  }
}

extension Logger {
  /// A logger whose messages go nowhere.
  public static let silent = Logger(label: "metasal") { _ in SwiftLogNoOpLogHandler() }

  /// Does some work, and logs as a detail how long it took.
  public func timed<Result>(_ what: String, _ body: () throws -> Result) rethrows -> Result {
    let began = ContinuousClock.now
    let result = try body()
    let seconds = began.duration(to: .now) / .seconds(1)
    debug("\(what): \(decimal(seconds, 2)) s", metadata: ["seconds": .stringConvertible(seconds)])
    return result
  }
}
