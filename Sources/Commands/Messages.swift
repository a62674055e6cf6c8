import ArgumentParser
import Logging
import Synchronization
import Training

/// What a command prints goes through one logger, which the options of the command line set up.
enum Messages {
  private static let current = Mutex(Logger(label: "metasal") { _ in MessageHandler() })

  /// The command's logger.
  static var logger: Logger {
    get { current.withLock { $0 } }
    set { current.withLock { $0 = newValue } }
  }

  /// Leaves only errors to be printed, as those processes do that are not the first of several.
  static func mute() { current.withLock { $0.logLevel = .error } }
}

/// Prints a result, to standard output.
func say(_ text: String) { Messages.logger.notice("\(text)") }

/// How much a command prints, and in which form.
struct MessageOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Print results, warnings and errors only: no notes, and no progress.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Also print details: sizes, memory, what is read, and how long each part takes.")
  var verbose = false

  @Option(help: "text, or json: each message and result as a JSON object on a line.")
  var logFormat = MessageHandler.Format.text

  func validate() throws {
    if quiet && verbose { throw ValidationError("--quiet and --verbose exclude each other.") }
  }

  /// Sets up the command's logger.
  @discardableResult
  func begin() -> Logger {
    let handler = MessageHandler(logFormat, level: quiet ? .notice : verbose ? .debug : .info)
    Messages.logger = Logger(label: "metasal") { _ in handler }
    return Messages.logger
  }
}

extension MessageHandler.Format: ExpressibleByArgument {}
