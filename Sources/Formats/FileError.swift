/// What is wrong with a file: one clear line that begins with its path.
public struct FileError: Error, CustomStringConvertible, Sendable, Equatable {
  public enum Kind: Sendable {
    /// No such input.
    case missing
    /// Its content is not what it should be.
    case malformed
    /// It cannot be written.
    case unwritable
  }

  public let kind: Kind
  public let file: String
  public let message: String

  public init(_ kind: Kind, _ file: String, _ message: String) {
    (self.kind, self.file, self.message) = (kind, file, message)
  }

  public var description: String { "\(file): \(message)" }
}
