import Foundation

/// A text file to which lines are appended.
public final class LogFile {
  private let file: OpenFile
  private var output: FileOutput

  /// Opens an existing file to append to it.
  ///
  /// - Throws: a ``FileError`` if the file cannot be opened for appending, or is not a regular file.
  public init(_ path: String) throws(FileError) {
    file = try OpenFile(appendingTo: path)
    output = FileOutput(file, after: try file.size)
  }

  /// Appends whole lines.
  ///
  /// - Throws: a ``FileError`` if the lines cannot be written. The file is then truncated to its former size, if the
  ///   system allows it.
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

  /// Syncs the file to the disk, and reads back the lines that were appended since the last call.
  ///
  /// - Throws: a ``FileError`` if what is read back differs from what was appended.
  public func sync() throws(FileError) {
    try output.verify()
    try file.sync()
    output = FileOutput(file, after: output.size)
  }
}
