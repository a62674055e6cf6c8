import Foundation

/// Reading and writing of whole files.
public enum Files {
  /// The file's bytes, in memory: a file that is mapped and cut off meanwhile would end the program.
  ///
  /// - Throws: a ``FileError`` if nothing is there, it is no regular file (a FIFO or a device may have no end), or it cannot be
  ///   read.
  public static func read(_ path: String) throws(FileError) -> Data { try OpenFile(reading: path).contents() }

  /// The bytes of a file that lies in a folder or below it, and is not reached by a link that leads out of there: what comes
  /// with a model or a run from anywhere must not make its reader open any file.
  ///
  /// - Throws: a ``FileError`` if it lies elsewhere, and as ``read(_:)`` does.
  public static func read(_ path: String, inside folder: String) throws(FileError) -> Data {
    let file = try OpenFile(reading: path)
    guard let place = resolved(path), let top = resolved(folder), place.hasPrefix(top == "/" ? "/" : top + "/") else {
      throw FileError(.malformed, path, "a link that leads out of \(folder), which is not followed")
    }
    return try file.contents()
  }

  /// The first bytes of a file; fewer where it has fewer.
  public static func head(_ path: String, count: Int) throws(FileError) -> Data {
    try OpenFile(reading: path).contents(atMost: count)
  }

  /// Bytes in a file.
  public static func size(_ path: String) throws(FileError) -> Int { try OpenFile(reading: path).size }

  /// - Throws: a ``FileError`` if nothing is there, or it is a folder, a FIFO or a device.
  public static func requireFile(_ path: String) throws(FileError) { _ = try OpenFile(reading: path) }

  /// A path with `~` and `~name` at its beginning replaced by that user's folder, as shells do outside of quotes.
  public static func expandingHome(_ path: String) -> String {
    path.hasPrefix("~") ? (path as NSString).expandingTildeInPath : path
  }

  /// The path from the root without links; where nothing is there yet, without those on the way.
  public static func place(of path: String) -> String {
    if let place = resolved(path) { return place }
    let path = Paths.absolute(path)
    return path == "/" ? path : Paths.joined(place(of: Paths.folder(of: path)), Paths.name(of: path))
  }

  /// The path without links; nil if nothing is there.
  static func resolved(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// Makes the folder and those above it.
  ///
  /// - Throws: a ``FileError`` if it cannot be made, its name is empty, or it cannot be written to.
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
