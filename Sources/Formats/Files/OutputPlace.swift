import Components
import Foundation

/// The place at which an output file is written: the path after symbolic links, which stay as they are.
struct OutputPlace {
  /// The path as the user gave it.
  let name: String
  /// The path of the file itself, which need not exist, and of its folder.
  let path, folder: String
  /// The status of the existing file; nil if there is none.
  let former: stat?

  private static let deepestLink = 40

  /// Follows the symbolic links in a path.
  ///
  /// - Throws: a ``FileError`` if the path is empty or a folder, or if it leads to something that is not a regular file
  ///   or is write-protected.
  init(_ name: String) throws(FileError) {
    func unwritable(_ message: String) -> FileError { FileError(.unwritable, name, message) }
    guard !name.isEmpty, !name.utf8.contains(0) else { throw unwritable("no name for a file") }
    guard !name.hasSuffix("/") else { throw unwritable("the name of a folder, where a file is to be written") }
    guard !name.hasPrefix("~/") else { throw unwritable("'~' is not known here; './~' is a folder of that name") }
    self.name = name
    var (path, status) = (name, stat())
    for _ in 0..<Self.deepestLink {
      let folder = Paths.folder(of: path)
      // Links in /proc, such as the target of /dev/stdout, stand for files that other processes have open.
      guard Files.resolved(folder).map({ $0 != "/proc" && !$0.hasPrefix("/proc/") }) ?? true else {
        throw unwritable("a place of the system's, where a file is to be written")
      }
      guard lstat(path, &status) == 0 else {
        guard errno == ENOENT else { throw unwritable("cannot be written: \(OpenFile.reason(errno))") }
        (self.path, self.folder, former) = (path, folder, nil)
        return
      }
      switch status.st_mode & S_IFMT {
      case S_IFREG:
        // Renaming could replace a write-protected file, but its user protected it on purpose.
        guard access(path, W_OK) == 0 else { throw unwritable("cannot be written: \(OpenFile.reason(errno))") }
        (self.path, self.folder, former) = (path, folder, status)
        return
      case S_IFLNK:
        guard let link = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else {
          throw unwritable("a link that cannot be read")
        }
        path = link.hasPrefix("/") ? link : folder + "/" + link
      case let kind: throw unwritable("\(OpenFile.description(kind)), where a file is to be written")
      }
    }
    throw unwritable("links that lead to each other")
  }
}
