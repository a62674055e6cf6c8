import Formats
import Foundation

/// A run's hold on its folder, so that no two write into one. It goes with the process, however that ends.
final class RunLock {
  private let path: String
  private let descriptor: Int32

  /// - Throws: a ``FileError`` if another run has it, naming its process, or there can be none.
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
      // Whoever had it may have removed it after it was opened here.
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

  private static func unwritable(_ path: String) -> FileError {
    FileError(.unwritable, path, "the folder cannot be locked: \(String(cString: strerror(errno)))")
  }

  /// The number of the process that holds it, if that has been written down.
  private static func text(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 32)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).filter(\.isNumber)
  }
}
