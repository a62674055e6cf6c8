import Logging
import Synchronization

/// What a logger said, for tests.
public final class Heard: Sendable {
  private let messages = Mutex<[(level: Logger.Level, text: String)]>([])

  public init() {}

  /// The messages so far, of one level or of all.
  public func texts(_ level: Logger.Level? = nil) -> [String] {
    messages.withLock { $0.filter { level == nil || $0.level == level }.map(\.text) }
  }

  /// The messages so far, line by line.
  public var text: String { texts().map { $0 + "\n" }.joined() }

  /// A logger whose messages are kept.
  public var logger: Logger { Logger(label: "test") { _ in Handler(heard: self) } }

  private struct Handler: LogHandler {
    let heard: Heard
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { heard.messages.withLock { $0.append((event.level, event.message.description)) } }
  }
}
