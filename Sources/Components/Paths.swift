import Foundation

/// Functions on paths as texts, without access to the file system. Foundation's functions stop the program on some
/// paths of one character. For a file name without a folder they return an empty folder, which becomes the root when a
/// slash is appended.
public enum Paths {
  private static let slash = UInt8(ascii: "/")

  /// The folder of a path: `.` for a name alone, `/` for a path in the root.
  public static func folder(of path: String) -> String {
    let path = path.utf8.allSatisfy { $0 == slash } ? Substring(path) : withoutLastSlashes(path)
    guard let last = path.utf8.lastIndex(of: slash) else { return "." }
    let folder = withoutLastSlashes(path[..<last])
    return folder.isEmpty ? "/" : String(folder)
  }

  /// The last component of a path.
  public static func name(of path: String) -> String {
    let path = withoutLastSlashes(path)
    return path.utf8.lastIndex(of: slash).map { String(path[path.utf8.index(after: $0)...]) } ?? String(path)
  }

  /// The last component of a path without its extension.
  public static func stem(of path: String) -> String {
    let name = name(of: path)
    return dot(in: name).map { String(name[..<$0]) } ?? name
  }

  /// The extension of a path in lower case. It is empty if there is no dot, or if the name begins with its only dot.
  public static func ending(of path: String) -> String {
    let name = name(of: path)
    return dot(in: name).map { name[name.utf8.index(after: $0)...].lowercased() } ?? ""
  }

  /// Resolves a path against a folder; an absolute path stays the same.
  public static func joined(_ folder: String, _ path: String) -> String {
    if path.utf8.first == slash || folder.isEmpty || folder == "." { return path }
    return folder.utf8.last == slash ? folder + path : folder + "/" + path
  }

  /// Replaces a leading `~` by the user's home folder, in case the shell has not done so.
  public static func expandingHome(_ path: String) -> String {
    path.hasPrefix("~") ? (path as NSString).expandingTildeInPath : path
  }

  /// The absolute path without `.`, `..` and repeated slashes. A relative path is resolved against the current folder.
  /// Symbolic links are not resolved.
  public static func absolute(_ path: String) -> String {
    let whole = path.utf8.first == slash ? path : FileManager.default.currentDirectoryPath + "/" + path
    var parts: [Substring.UTF8View] = []
    for part in whole.utf8.split(separator: slash) {
      if part.elementsEqual("..".utf8) {
        _ = parts.popLast()
      } else if !part.elementsEqual(".".utf8) {
        parts.append(part)
      }
    }
    return "/" + parts.map { String(Substring($0)) }.joined(separator: "/")
  }

  /// The relative path that leads from a folder to a file or folder. Symbolic links are not resolved.
  public static func relative(_ path: String, from folder: String) -> String {
    func parts(_ path: String) -> ArraySlice<Substring.UTF8View> { absolute(path).utf8.split(separator: slash)[...] }
    var (target, start) = (parts(path), parts(folder))
    while let first = target.first, let other = start.first, first.elementsEqual(other) {
      target.removeFirst()
      start.removeFirst()
    }
    let names = start.map { _ in ".." } + target.map { String(Substring($0)) }
    return names.isEmpty ? "." : names.joined(separator: "/")
  }

  private static func dot(in name: String) -> String.Index? {
    name.utf8.lastIndex(of: UInt8(ascii: ".")).flatMap { $0 == name.startIndex ? nil : $0 }
  }

  private static func withoutLastSlashes(_ path: some StringProtocol) -> Substring {
    var path = Substring(path)
    while path.utf8.last == slash { path = Substring(path.utf8.dropLast()) }
    return path
  }
}

extension Sequence<String> {
  /// The strings sorted by code point, as Python sorts them.
  public func sortedByCodePoint() -> [String] {
    sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
