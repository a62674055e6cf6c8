import Formats
import Synchronization

/// What becomes of images that cannot be read.
public enum BrokenImages: String, Sendable, CaseIterable {
  /// They are errors.
  case stop
  /// They are counted, and their batch goes without them.
  case skip
}

/// Images that were passed over, each once however often it was tried. Several may be in one file, whose message then tells
/// which.
public final class SkippedImages: Sendable {
  private let errors = Mutex<[String: FileError]>([:])

  func add(_ error: FileError) { errors.withLock { $0[error.description] = error } }

  /// What was wrong with them, in the order of their files.
  public var all: [FileError] { errors.withLock { $0.values.sorted { $0.description < $1.description } } }
}
