import Foundation
import Formats

/// A folder with a folder of PNG and JPEG images for each class; classes and images in the order of their names.
public struct ImageFolder: Dataset {
  public let classNames: [String]
  private let files: [(path: String, label: Int)]

  /// - Parameter classes: a file with a line for each class, in which the folders' names are words (`n02123159 tiger_cat`);
  ///   nil for the folders' names in order.
  /// - Throws: a ``FileError`` if the folder is missing, holds no classes, a class holds no images, or is not in the file.
  public init(_ path: String, classes: String? = nil) throws {
    let folders = try Self.list(path).filter { Self.isFolder(path + "/" + $0) }
    guard !folders.isEmpty else {
      throw FileError(.malformed, path, "no class folders; expected a folder of images for each class")
    }
    classNames = try classes.map(ClassList.read) ?? folders
    let list = ClassList(classNames)
    var files: [(path: String, label: Int)] = []
    for name in folders {
      guard let label = list.index(of: name) else {
        throw FileError(
          .malformed, path, "the folder '\(name)' is none of the \(classNames.count) classes in \(classes ?? "it")")
      }
      let folder = path + "/" + name
      let images = try Self.list(folder).filter { name in
        ["png", "jpg", "jpeg"].contains((name as NSString).pathExtension.lowercased())
      }
      guard !images.isEmpty else { throw FileError(.malformed, folder, "no .png, .jpg or .jpeg images in this class") }
      files += images.map { (folder + "/" + $0, label) }
    }
    self.files = files
  }

  public var count: Int { files.count }

  public func sample(at index: Int) throws -> Sample {
    let (path, label) = files[index]
    return Sample(picture: try Picture(contentsOf: path), label: label, source: path)
  }

  private static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }

  private static func list(_ path: String) throws -> [String] {
    guard isFolder(path) else { throw FileError(.missing, path, "no such folder") }
    do { return try FileManager.default.contentsOfDirectory(atPath: path).filter { !$0.hasPrefix(".") }.sorted() } catch
    {
      throw FileError(.malformed, path, "the folder cannot be listed")
    }
  }
}
