import Foundation
import Synchronization

/// Standard output, to which results are written.
public enum StandardOutput {
  /// The errno of the first failed write; 0 if there was none.
  private static let error = Atomic<Int32>(0)

  /// Writes a text as it is, with all its control characters.
  ///
  /// A failed write does not stop the command, whose files may matter more; it is reported at the end.
  static func write(_ text: String) {
    guard error.load(ordering: .relaxed) == 0 else { return }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let n = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if n < 0 && errno == EINTR { continue }
      guard n > 0 else { return error.store(n < 0 ? errno : EIO, ordering: .relaxed) }
      rest = rest.dropFirst(n)
    }
  }

  /// The message about a failed write; nil if none failed.
  public static var failure: String? {
    let error = error.load(ordering: .relaxed)
    return error == 0 ? nil : "standard output: cannot be written: \(String(cString: strerror(error)))"
  }
}

/// Standard error, to which everything but results is written, and the line at the end of it that is drawn again and again.
enum StandardError {
  private static let isLineDrawn = Mutex(false)

  /// Writes a text as it is, in place of the line that is drawn. Errors of a closed terminal are ignored, since they are
  /// no reason to stop.
  static func write(_ text: String) {
    erase()
    put(text)
  }

  /// Draws a line without ending it, so that the next one takes its place.
  static func draw(_ line: String) {
    isLineDrawn.withLock { $0 = true }
    put("\r\u{1b}[K" + line)
  }

  /// Erases the line that is drawn, if there is one.
  static func erase() {
    let wasDrawn = isLineDrawn.withLock { isDrawn in
      defer { isDrawn = false }
      return isDrawn
    }
    if wasDrawn { put("\r\u{1b}[K") }
  }

  private static func put(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
}
