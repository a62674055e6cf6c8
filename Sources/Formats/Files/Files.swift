import Components
import Foundation

/// Reading and writing of whole files.
public enum Files {
  /// Reads a whole file into memory. It is not memory-mapped, because truncating a mapped file would crash the program.
  ///
  /// - Throws: a ``FileError`` if the file does not exist, is not a regular file (a FIFO or a device may have no end),
  ///   or cannot be read.
  public static func read(_ path: String) throws(FileError) -> Data { try OpenFile(reading: path).contents() }

  /// Reads a file that must be inside a folder or its subfolders, also after links are resolved. So a model or a run
  /// from an untrusted source cannot make its reader open other files.
  ///
  /// - Throws: a ``FileError`` if the file is outside the folder, and as ``read(_:)`` does.
  public static func read(_ path: String, inside folder: String) throws(FileError) -> Data {
    try OpenFile(reading: path, inside: folder).contents()
  }

  /// Checks that a file exists inside a folder, as ``read(_:inside:)`` does before it reads.
  ///
  /// - Throws: a ``FileError`` if it is not there, outside the folder, or not a regular file.
  public static func requireFile(_ path: String, inside folder: String) throws(FileError) {
    _ = try OpenFile(reading: path, inside: folder)
  }

  /// Reads the first `count` bytes of a file, or all if it is shorter.
  public static func head(_ path: String, count: Int) throws(FileError) -> Data {
    try OpenFile(reading: path).contents(atMost: count)
  }

  /// The size of a file in bytes.
  public static func size(_ path: String) throws(FileError) -> Int { try OpenFile(reading: path).size }

  /// Checks that a regular file is at the path.
  ///
  /// - Throws: a ``FileError`` if nothing is there, or it is a folder, a FIFO or a device.
  public static func requireFile(_ path: String) throws(FileError) { _ = try OpenFile(reading: path) }

  /// The absolute path with symbolic links resolved. If nothing exists at the path, the links in its existing parent
  /// folders are resolved.
  public static func place(of path: String) -> String {
    if let place = resolved(path) { return place }
    let path = Paths.absolute(path)
    return path == "/" ? path : Paths.joined(place(of: Paths.folder(of: path)), Paths.name(of: path))
  }

  /// The path with symbolic links resolved; nil if nothing exists there.
  static func resolved(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// Creates a folder and its missing parent folders.
  ///
  /// - Throws: a ``FileError`` if the folder cannot be created, its name is empty, or it is not writable.
  public static func makeFolder(_ path: String) throws(FileError) {
    guard !path.isEmpty, !path.utf8.contains(0) else { throw FileError(.unwritable, path, "no name for a folder") }
    var status = stat()
    var missing: [String] = []
    var above = path
    while stat(above, &status) != 0, errno == ENOENT, missing.last != above {
      missing.append(above)
      above = Paths.folder(of: above)
    }
    for new in missing.reversed() {
      guard mkdir(new, 0o777) == 0 || errno == EEXIST else {
        throw FileError(.unwritable, path, "cannot make the folder: \(OpenFile.reason(errno))")
      }
      try OpenFile.syncFolder(Paths.folder(of: new), for: path)
    }
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw FileError(.unwritable, path, "cannot make the folder: something else is there")
    }
    guard access(path, W_OK | X_OK) == 0 else {
      throw FileError(.unwritable, path, "the folder cannot be written to")
    }
  }
}
