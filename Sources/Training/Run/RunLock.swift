import Formats
import Foundation

/// The lock of a run on its folder, which keeps other runs from writing there. The system releases it when the process
/// ends, however that happens.
final class RunLock {
  private let path: String
  private let descriptor: Int32

  /// Acquires the lock file at a path.
  ///
  /// - Throws: a `FileError` if another run holds the lock, with its process identifier if known, or the file cannot
  ///   be created.
  init(_ path: String) throws(FileError) {
    self.path = path
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
      guard descriptor >= 0 else { throw Self.unwritable(path) }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        let holder = errno == EWOULDBLOCK ? Self.text(descriptor) : nil
        let error = Self.unwritable(path)
        close(descriptor)
        guard let holder else { throw error }
        let process = holder.isEmpty ? "another process" : "process \(holder)"
        throw FileError(
          .unwritable, path, "\(process) is training in this folder; wait for its end, or name another folder")
      }
      // The previous holder may have removed the file after it was opened here; then try again.
      if let held = FileIdentity(descriptor: descriptor), held == FileIdentity(path) {
        self.descriptor = descriptor
        break
      }
      close(descriptor)
    }
    let number = Array("\(getpid())\n".utf8)
    _ = ftruncate(descriptor, 0)
    _ = pwrite(descriptor, number, number.count, 0)
  }

  deinit {
    unlink(path)
    close(descriptor)
  }

  /// Whether a process holds the lock at a path.
  static func isHeld(_ path: String) -> Bool {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
  }

  private static func unwritable(_ path: String) -> FileError {
    FileError(.unwritable, path, "the folder cannot be locked: \(String(cString: strerror(errno)))")
  }

  /// The identifier of the process that holds the lock; empty if it has not been written yet.
  private static func text(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 32)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).filter(\.isNumber)
  }
}
