import Foundation
import Formats

/// A folder with a folder of PNG and JPEG images for each class, some of them perhaps in further folders there; classes and
/// images in the order of their names. Images of other kinds count too, and cannot be read: they are not left out unnoticed.
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
      let images = try Self.images(in: folder)
      guard !images.isEmpty else {
        throw FileError(.malformed, folder, "no images in this class; expected .png, .jpg or .jpeg")
      }
      files += images.map { ($0, label) }
    }
    self.files = files
  }

  public var count: Int { files.count }

  public func sample(at index: Int) throws -> Sample {
    let (path, label) = files[index]
    return Sample(picture: try Picture(contentsOf: path), label: label, source: path)
  }

  /// What ends the names of images: of those that are read, and of others that data sets have.
  private static let endings: Set = [
    "png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm", "avif", "heic",
  ]
  /// Folders in folders may be links that lead back.
  private static let deepest = 16

  /// Those right in the folder, and then those in each folder there.
  private static func images(in folder: String, depth: Int = 0) throws -> [String] {
    guard depth < deepest else { throw FileError(.malformed, folder, "folders in it nest too deeply") }
    let paths = try list(folder).map { folder + "/" + $0 }
    let own = paths.filter { endings.contains(($0 as NSString).pathExtension.lowercased()) }
    // Whether a path is a folder costs a look at the disk for each.
    let others = Set(paths).subtracting(own).sorted().filter(isFolder)
    return try own + others.flatMap { try images(in: $0, depth: depth + 1) }
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
