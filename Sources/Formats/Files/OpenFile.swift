import Components
import Foundation

/// An open file. Every failing system call becomes an error that names the file.
final class OpenFile {
  /// The path in error messages; for a temporary file it is the path of the file that it will replace.
  let name: String
  let path: String
  private var descriptor: Int32

  private init(_ path: String, named name: String, _ descriptor: Int32) {
    (self.path, self.name, self.descriptor) = (path, name, descriptor)
  }

  deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

  /// The system's text for an error number.
  static func reason(_ error: Int32) -> String { String(cString: strerror(error)) }

  private func interrupted(_ what: String) -> FileError {
    FileError(.interrupted, name, "\(what): \(Self.reason(errno))")
  }

  // MARK: Reading

  /// Opens a regular file for reading without blocking: a FIFO is opened at once, and then refused.
  convenience init(reading path: String) throws(FileError) {
    // The system would ignore everything after a zero byte.
    guard !path.isEmpty, !path.utf8.contains(0) else { throw FileError(.missing, path, "no such file") }
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { throw FileError(.missing, path, "no such file") }
      throw FileError(.malformed, path, "cannot be read: \(Self.reason(errno))")
    }
    self.init(path, named: path, descriptor)
    let kind = try status.st_mode & S_IFMT
    guard kind == S_IFREG else {
      throw FileError(.malformed, path, "\(Self.description(kind)), where a file is expected")
    }
  }

  /// Opens a regular file for reading that must be inside a folder or its subfolders, also after links are resolved.
  convenience init(reading path: String, inside folder: String) throws(FileError) {
    try self.init(reading: path)
    // The open file itself is checked, not its path, which may lead to another file by now.
    guard let place = Files.resolved(systemPath) ?? Files.resolved(path), let top = Files.resolved(folder),
      place.hasPrefix(top == "/" ? "/" : top + "/")
    else { throw FileError(.malformed, path, "a link that leads out of \(folder), which is not followed") }
  }

  /// The path under which Linux gives access to the open file, even if its own path leads elsewhere by now.
  private var systemPath: String { "/proc/self/fd/\(descriptor)" }

  /// A duplicate of the file descriptor, for a library that reads from it and closes it.
  func duplicate() throws(FileError) -> Int32 {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { throw FileError(.malformed, name, "cannot be read: \(Self.reason(errno))") }
    return copy
  }

  /// The words for a kind of file that is not a regular file.
  static func description(_ kind: mode_t) -> String {
    switch kind {
    case S_IFDIR: "a folder"
    case S_IFIFO: "a FIFO"
    case S_IFSOCK: "a socket"
    default: "a device"
    }
  }

  private var status: stat {
    get throws(FileError) {
      var status = stat()
      guard fstat(descriptor, &status) == 0 else {
        throw FileError(.malformed, name, "cannot be read: \(Self.reason(errno))")
      }
      return status
    }
  }

  /// The size of the file in bytes.
  var size: Int { get throws(FileError) { Int(try status.st_size) } }

  /// Reads the file from its beginning, at most `limit` bytes. The result is shorter than expected if the file is
  /// truncated meanwhile.
  func contents(atMost limit: Int = .max) throws(FileError) -> Data {
    let count = min(try size, limit)
    guard count > 0 else { return Data() }
    guard count < ProcessInfo.processInfo.physicalMemory, let bytes = malloc(count) else {
      throw FileError(.malformed, name, "\(count) bytes are more than there is memory for")
    }
    var done = 0
    do {
      try read(from: 0, into: UnsafeMutableRawBufferPointer(start: bytes, count: count)) { done += $0.count }
    } catch {
      free(bytes)
      throw error
    }
    return Data(bytesNoCopy: bytes, count: done, deallocator: .free)
  }

  /// Reads from an offset until the buffer is full or the file ends; `body` gets each piece right after it was read.
  func read(
    from offset: Int, into buffer: UnsafeMutableRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(FileError) {
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...].prefix(1 << 30))
      let n = pread(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
      if n < 0 && errno == EINTR { continue }
      guard n >= 0 else { throw FileError(.malformed, name, "cannot be read: \(Self.reason(errno))") }
      if n == 0 { return }
      body(UnsafeRawBufferPointer(rebasing: rest[..<n]))
      done += n
    }
  }

  // MARK: Writing

  /// Creates a file that must not exist yet, with the mode and, where that is allowed, the owner of the former file.
  convenience init(making path: String, named name: String, like former: stat?) throws(FileError) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      let folder = Paths.folder(of: path)
      throw FileError(
        .unwritable, name,
        errno == ENOENT ? "there is no folder \(folder)" : "cannot be made in \(folder): \(Self.reason(errno))")
    }
    self.init(path, named: name, descriptor)
    // While this lock is held, no other process takes the file for a leftover of a killed one. It is a shared lock
    // because HDF5 also locks the file.
    flock(descriptor, LOCK_SH)
    guard let former else { return }
    let own = try status
    if (own.st_uid, own.st_gid) != (former.st_uid, former.st_gid) { fchown(descriptor, former.st_uid, former.st_gid) }
    guard fchmod(descriptor, former.st_mode & 0o7777) == 0 else { throw interrupted("its mode cannot be kept") }
  }

  /// Opens a regular file to append to it.
  convenience init(appendingTo path: String) throws(FileError) {
    let descriptor = open(path, O_RDWR | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FileError(.unwritable, path, "cannot be appended to: \(Self.reason(errno))")
    }
    self.init(path, named: path, descriptor)
    let kind = try status.st_mode & S_IFMT
    guard kind == S_IFREG else {
      throw FileError(.unwritable, path, "\(Self.description(kind)), where a file is to be written")
    }
  }

  /// Releases the lock on the file.
  func unlock() { flock(descriptor, LOCK_UN) }

  /// Appends all bytes.
  func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
      let n = Glibc.write(descriptor, piece.baseAddress, piece.count)
      if n < 0 && errno == EINTR { continue }
      guard n > 0 else { throw interrupted("cannot be written") }
      rest = rest.dropFirst(n)
    }
  }

  /// Truncates the file to a size in bytes.
  func truncate(to size: Int) throws(FileError) {
    guard ftruncate(descriptor, off_t(size)) == 0 else { throw interrupted("cannot be cut back to \(size) bytes") }
  }

  /// Syncs the file to the disk.
  func sync() throws(FileError) {
    guard fsync(descriptor) == 0 else { throw interrupted("cannot be written to the disk") }
  }

  /// Closes the file. Some file systems report a failed write only here.
  func close() throws(FileError) {
    let closed = descriptor
    descriptor = -1
    guard Glibc.close(closed) == 0 || errno == EINTR else { throw interrupted("cannot be closed") }
  }

  /// Syncs a folder's entries to the disk, without which a new file can be lost in a crash.
  static func syncFolder(_ folder: String, for name: String) throws(FileError) {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    // A folder with write but without read permission cannot be opened, and so not synced.
    if descriptor < 0 && errno == EACCES { return }
    let isSynced = descriptor >= 0 && (fsync(descriptor) == 0 || errno == EINVAL)  // EINVAL: folders cannot be synced
    let error = errno
    if descriptor >= 0 { Glibc.close(descriptor) }
    guard isSynced else {
      throw FileError(.interrupted, name, "the folder \(folder) cannot be written to the disk: \(reason(error))")
    }
  }
}
