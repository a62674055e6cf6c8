import Components
import Formats
import Foundation
import Synchronization

/// Standard output: all that commands say of their results goes through here.
enum StandardOutput {
  /// The first error; 0 if there was none.
  private static let error = Atomic<Int32>(0)

  /// Writes a text and a line's end. Characters that control a terminal, which names in files can hold, are shown escaped.
  ///
  /// A failure does not stop a command, whose files may matter more; it is reported at its end.
  static func say(_ text: String) {
    guard error.load(ordering: .relaxed) == 0 else { return }
    var rest = Array((text.printableLines + "\n").utf8)[...]
    while !rest.isEmpty {
      let n = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if n < 0 && errno == EINTR { continue }
      guard n > 0 else { return error.store(n < 0 ? errno : EIO, ordering: .relaxed) }
      rest = rest.dropFirst(n)
    }
  }

  /// Why something that was said could not be written; nil if all of it was.
  static var failure: String? {
    let error = error.load(ordering: .relaxed)
    return error == 0 ? nil : "standard output: cannot be written: \(String(cString: strerror(error)))"
  }
}

/// Says something on standard output; see ``StandardOutput``.
func say(_ text: String) { StandardOutput.say(text) }
