import Foundation

/// What an output is written to: a terminal of some width, in colors or without, or something else.
public struct Terminal: Sendable {
  /// Whether this is a terminal, and not a file or a pipe.
  let isTerminal: Bool
  /// Whether texts are colored: on terminals, unless the environment variable `NO_COLOR` is set (https://no-color.org) or
  /// `TERM` is `dumb`.
  let isColored: Bool
  /// The number of characters in a line: the terminal's; for other outputs that of the environment variable `COLUMNS`, or
  /// 120.
  public let columns: Int

  /// The width of outputs that are no terminals.
  public static let usualColumns = 120
  private static let fewestColumns = 20

  /// Describes an output.
  ///
  /// - Parameters:
  ///   - isTerminal: whether it is a terminal.
  ///   - size: the terminal's own number of columns; nil or 0 if it does not tell.
  ///   - environment: the environment variables.
  init(isTerminal: Bool, size: Int?, environment: [String: String]) {
    self.isTerminal = isTerminal
    isColored = isTerminal && environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
    let own = size.flatMap { $0 > 0 ? $0 : nil }
    let stated = environment["COLUMNS"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
    columns = max(Self.fewestColumns, own ?? stated ?? (isTerminal ? 80 : Self.usualColumns))
  }

  private init(_ descriptor: Int32) {
    let isTerminal = isatty(descriptor) == 1
    var size = winsize()
    let isSized = isTerminal && ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0
    self.init(
      isTerminal: isTerminal, size: isSized ? Int(size.ws_col) : nil, environment: ProcessInfo.processInfo.environment)
  }

  /// What standard output is written to.
  public static var output: Terminal { Terminal(STDOUT_FILENO) }
  /// What standard error is written to.
  public static var errors: Terminal { Terminal(STDERR_FILENO) }
}
