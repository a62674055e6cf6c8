import Foundation

/// Reading and writing of whole files.
public enum Files {
  /// The file's bytes.
  public static func read(_ path: String) throws(FileError) -> Data {
    try requireFile(path)
    // Not mapped: if a mapped file is cut short by someone else, whoever looks at what is gone is ended by a signal.
    do { return try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
      throw FileError(.malformed, path, "cannot be read: \(reason(error))")
    }
  }

  /// - Throws: a ``FileError`` if nothing is there or it is a folder.
  public static func requireFile(_ path: String) throws(FileError) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw FileError(.missing, path, "no such file")
    }
    if isFolder.boolValue { throw FileError(.malformed, path, "a folder, where a file is expected") }
  }

  /// Makes the folder and those above it.
  public static func makeFolder(_ path: String) throws(FileError) {
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      throw FileError(.unwritable, path, "cannot make the folder: \(reason(error))")
    }
    guard FileManager.default.isWritableFile(atPath: path) else {
      throw FileError(.unwritable, path, "the folder cannot be written to")
    }
  }

  /// Writes a file beside its place and renames it into place, so that whoever looks sees the old one or the new one, whole.
  /// Only files that metasal wrote are replaced; see ``Ownership``.
  ///
  /// - Parameter body: writes to the path that it is given.
  public static func replace(_ path: String, _ body: (_ temporary: String) throws -> Void) throws {
    try Ownership.requireReplaceable(path)
    let temporary = path + ".\(getpid()).part"
    do {
      try body(temporary)
      let descriptor = open(temporary, O_RDONLY)
      if descriptor >= 0 {
        fsync(descriptor)
        close(descriptor)
      }
      guard rename(temporary, path) == 0 else {
        throw FileError(.unwritable, path, "cannot be put in place: \(String(cString: strerror(errno)))")
      }
    } catch {
      unlink(temporary)
      throw error
    }
  }

  /// Writes `data` as ``replace(_:_:)`` does.
  public static func write(_ data: Data, to path: String) throws {
    try replace(path) { temporary in
      do { try data.write(to: URL(fileURLWithPath: temporary)) } catch {
        throw FileError(.unwritable, path, "cannot be written: \(reason(error))")
      }
    }
  }

  private static func reason(_ error: any Error) -> String {
    let error = error as NSError
    let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError
    return cause?.localizedDescription ?? error.localizedDescription
  }
}
