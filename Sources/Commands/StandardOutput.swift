import Components
import Formats
import Foundation
import Synchronization

/// Standard output. Commands write all results through this type.
enum StandardOutput {
  /// The errno of the first failed write; 0 if there was none.
  private static let error = Atomic<Int32>(0)
  /// Whether this process is not the first of several, and writes nothing.
  static let isSilent = Atomic(false)

  /// Writes a text and a line break. Control characters, which names in files can contain, are escaped, since they
  /// could control the terminal.
  ///
  /// A failed write does not stop the command, whose files may matter more; it is reported at the end.
  static func say(_ text: String) {
    guard error.load(ordering: .relaxed) == 0, !isSilent.load(ordering: .relaxed) else { return }
    var rest = Array((text.printableLines + "\n").utf8)[...]
    while !rest.isEmpty {
      let n = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if n < 0 && errno == EINTR { continue }
      guard n > 0 else { return error.store(n < 0 ? errno : EIO, ordering: .relaxed) }
      rest = rest.dropFirst(n)
    }
  }

  /// The message about a failed write; nil if none failed.
  static var failure: String? {
    let error = error.load(ordering: .relaxed)
    return error == 0 ? nil : "standard output: cannot be written: \(String(cString: strerror(error)))"
  }
}

/// Writes a text to standard output; see ``StandardOutput``.
func say(_ text: String) { StandardOutput.say(text) }
