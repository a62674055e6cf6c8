import Foundation

/// Paths taken apart and put together as texts, without a look at the disk. Foundation's functions for that stop the program on
/// some paths of one character, and call the folder of a name alone an empty path, which becomes the root when a slash is added.
public enum Paths {
  private static let slash = UInt8(ascii: "/")

  /// The folder that something lies in: `.` for a name alone, `/` for what lies in the root.
  public static func folder(of path: String) -> String {
    let path = path.utf8.allSatisfy { $0 == slash } ? Substring(path) : withoutLastSlashes(path)
    guard let last = path.utf8.lastIndex(of: slash) else { return "." }
    let folder = withoutLastSlashes(path[..<last])
    return folder.isEmpty ? "/" : String(folder)
  }

  /// The last part of a path.
  public static func name(of path: String) -> String {
    let path = withoutLastSlashes(path)
    return path.utf8.lastIndex(of: slash).map { String(path[path.utf8.index(after: $0)...]) } ?? String(path)
  }

  /// The last part of a path without its ending.
  public static func stem(of path: String) -> String {
    let name = name(of: path)
    return dot(in: name).map { String(name[..<$0]) } ?? name
  }

  /// What follows the last dot of the last part, in small letters; empty where there is none, or where it comes first.
  public static func ending(of path: String) -> String {
    let name = name(of: path)
    return dot(in: name).map { name[name.utf8.index(after: $0)...].lowercased() } ?? ""
  }

  /// A path as it is meant from a folder.
  public static func joined(_ folder: String, _ path: String) -> String {
    if path.utf8.first == slash || folder.isEmpty || folder == "." { return path }
    return folder.utf8.last == slash ? folder + path : folder + "/" + path
  }

  /// A path from the root, without `.`, `..` and doubled slashes; what is a relative one is meant from the current folder. Links are
  /// not looked at.
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
  /// In the order of their code points, as Python sorts texts.
  public func sortedByCodePoint() -> [String] {
    sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
