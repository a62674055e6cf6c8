/// What is wrong with a file: one clear line that begins with its path.
public struct FileError: Error, CustomStringConvertible, Sendable, Equatable {
  /// What went wrong, as far as the exit code is concerned.
  public enum Kind: Sendable {
    /// No such input.
    case missing
    /// Its content is not what it should be.
    case malformed
    /// It cannot be written.
    case unwritable
  }

  /// What went wrong.
  public let kind: Kind
  /// The file's path.
  public let file: String
  /// What was found, and what was expected.
  public let message: String

  /// An error about a file.
  public init(_ kind: Kind, _ file: String, _ message: String) {
    (self.kind, self.file, self.message) = (kind, file, message)
  }

  public var description: String { "\(file.shortPrintable): \(message.shortPrintable)" }
}
