import Formats
import Synchronization

/// The handling of images that cannot be read.
public enum BrokenImages: String, Sendable, CaseIterable {
  /// A broken image is an error.
  case stop
  /// A broken image is counted, and left out of its batch.
  case skip
}

/// The images that were skipped because they cannot be read, each once however often it was tried. They are identified
/// by their error messages, since one file may contain several images.
public final class SkippedImages: Sendable {
  private let errors = Mutex<[String: FileError]>([:])

  func add(_ error: FileError) { errors.withLock { $0[error.description] = error } }

  /// The errors of the skipped images, sorted by their descriptions.
  public var all: [FileError] { errors.withLock { $0.values.sorted { $0.description < $1.description } } }
}
