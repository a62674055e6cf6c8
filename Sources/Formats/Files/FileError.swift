/// An error about a file; its description is one line that begins with the file's path.
public struct FileError: Error, CustomStringConvertible, Sendable, Equatable {
  /// The kind of error, which determines the exit code.
  public enum Kind: Sendable {
    /// The input file does not exist.
    case missing
    /// The content of the file is invalid.
    case malformed
    /// The file cannot be made or replaced.
    case unwritable
    /// Writing the file failed after it had begun, as on a full disk. What stood there before is as it was.
    case interrupted
  }

  /// The kind of error.
  public let kind: Kind
  /// The file's path.
  public let file: String
  /// The message: what was found, and what was expected.
  public let message: String

  /// An error about a file, with a message that does not repeat the path.
  public init(_ kind: Kind, _ file: String, _ message: String) {
    (self.kind, self.file, self.message) = (kind, file, message)
  }

  public var description: String { "\(file.shortPrintable): \(message.shortPrintable)" }
}
