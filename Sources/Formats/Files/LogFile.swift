import Foundation

/// A file that grows, line by line.
public final class LogFile {
  private let file: OpenFile
  private var output: FileOutput

  /// Opens a file that is there, to append to it.
  ///
  /// - Throws: a ``FileError`` if it cannot be appended to, or is no file.
  public init(_ path: String) throws(FileError) {
    file = try OpenFile(appendingTo: path)
    output = FileOutput(file, after: try file.size)
  }

  /// Appends whole lines.
  ///
  /// - Throws: a ``FileError`` if they cannot be written; the file then ends where it did, if the system lets it.
  public func append(_ lines: Data) throws(FileError) {
    let size = output.size
    do {
      try output.append(lines)
      try output.flush()
    } catch {
      try? file.truncate(to: size)
      throw error
    }
  }

  /// Waits until all lines are on the disk, and reads again those that were appended since the last time.
  ///
  /// - Throws: a ``FileError`` if they are not there.
  public func sync() throws(FileError) {
    try output.verify()
    try file.sync()
    output = FileOutput(file, after: output.size)
  }
}
