import Components
import Foundation
import Formats

/// A folder with a folder of PNG and JPEG images for each class, some of them perhaps in further folders there; classes and
/// images in the order of their names, as torchvision has them. Images of other kinds count too, and cannot be read: they are
/// not left out unnoticed. ``Clutter`` is neither a class nor an image.
public struct ImageFolder: Dataset {
  public let classNames: [String]
  public let remarks = Remarks()
  private let files: [(path: String, label: Int)]

  /// Lists a folder; the images are read when they are asked for.
  ///
  /// - Parameters:
  ///   - path: the folder.
  ///   - classes: a file with a line for each class, in which the folders' names are words (`n02123159 tiger_cat`);
  ///     nil for the folders' names in order.
  /// - Throws: a `FileError` if the folder is missing, holds no classes, a class holds no images, or is not in the file.
  public init(_ path: String, classes: String? = nil) throws {
    let folders = try Self.list(path, remarks).filter { Self.isFolder(path + "/" + $0) }
    guard !folders.isEmpty else {
      throw FileError(.malformed, path, "no class folders; expected a folder of images for each class")
    }
    classNames = try classes.map(ClassList.read) ?? folders
    let numbers = folders.compactMap(ClassList.number)
    if classes == nil, numbers.count == folders.count, numbers != numbers.sorted() {
      remarks.add(
        "\(path): folders named by numbers are classes in the order of texts (\(folders.prefix(4).joined(separator: ", ")) …),"
          + " as torchvision has them; a file of classes states another order")
    }
    let list = ClassList(classNames)
    var files: [(path: String, label: Int)] = []
    for name in folders {
      guard let label = list.index(of: name) else {
        throw FileError(
          .malformed, path, "the folder '\(name)' is \(list.problem(of: name)) in \(classes ?? "it")")
      }
      let folder = path + "/" + name
      let images = try Self.images(in: folder, remarks)
      guard !images.isEmpty else {
        throw FileError(
          .malformed, folder,
          "no images in this class; expected names that end in \(RGBImage.endings.sorted().joined(separator: ", "))")
      }
      files += images.map { ($0, label) }
    }
    self.files = files
  }

  public var count: Int { files.count }

  public func sample(at index: Int) throws -> Sample {
    let (path, label) = files[index]
    return Sample(image: try remarks.image(path).image, label: label, source: path)
  }

  /// What ends the names of images: of those that are read, and of others that data sets have.
  private static let endings = RGBImage.endings.union([
    "webp", "bmp", "dib", "gif", "tif", "tiff", "ppm", "pgm", "pbm", "pnm", "avif", "heic", "heif", "jp2", "j2k", "jpx",
    "jxl", "mpo", "tga", "ico", "svg", "psd", "exr", "hdr", "dng", "cr2", "nef", "arw",
  ])
  /// Folders in folders may be links that lead back.
  private static let deepest = 16

  /// Those right in the folder, and then those in each folder there.
  private static func images(in folder: String, _ remarks: Remarks, depth: Int = 0) throws -> [String] {
    guard depth < deepest else { throw FileError(.malformed, folder, "folders in it nest too deeply") }
    let paths = try list(folder, remarks).map { folder + "/" + $0 }
    let own = paths.filter { endings.contains(Paths.ending(of: $0)) }
    // Whether a path is a folder costs a look at the disk for each.
    let others = paths.filter { !endings.contains(Paths.ending(of: $0)) }
    let folders = others.filter(isFolder)
    for file in Set(others).subtracting(folders) { remarks.add("files whose names end as no image's, left out", file) }
    return try own + folders.flatMap { try images(in: $0, remarks, depth: depth + 1) }
  }

  private static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }

  /// What is in a folder, in the order of its names, without what no one put there as data; folders among that are counted.
  private static func list(_ path: String, _ remarks: Remarks) throws -> [String] {
    guard isFolder(path) else { throw FileError(.missing, path, "no such folder") }
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      throw FileError(.malformed, path, "the folder cannot be listed")
    }
    for name in names where Clutter.includes(name) && isFolder(path + "/" + name) {
      remarks.add("folders hidden or made by a system, left out", path + "/" + name)
    }
    return names.filter { !Clutter.includes($0) }.sortedByCodePoint()
  }
}

extension ImageFolder {
  /// A folder of images for each class, as recipes state it: `folder: path`, or `folder: { path, classes }`.
  public struct Source: DatasetSource, Equatable {
    public let name = "folder"
    /// The folder.
    public var path: String
    /// A file with a line for each class of the network, among which the folders' names are words; nil for the folders alone.
    public var classes: String?

    /// A folder whose classes are those that it has, unless they are stated.
    public init(_ path: String = "", classes: String? = nil) { (self.path, self.classes) = (path, classes) }

    public mutating func visit(_ keys: Keys) {
      keys("path", &path, .inputPath, isRequired: true)
      keys("classes", &classes, .optional(.inputPath))
    }

    /// A path alone stands for a folder without a list of classes.
    public static var shorthand: Codec<Self>? {
      Codec<String>.inputPath.standing(for: { Source($0) }) { $0 == Source($0.path) ? $0.path : nil }
    }

    public func dataset() throws -> any Dataset { try ImageFolder(path, classes: classes) }
  }
}

/// What editors and systems leave among data: hidden files and folders, and some that are not hidden everywhere.
public enum Clutter {
  private static let names: Set = [
    "__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information", "lost+found",
    "@eadir",
  ]

  /// Whether a file or folder of this name is no data.
  public static func includes(_ name: String) -> Bool { name.hasPrefix(".") || names.contains(name.lowercased()) }
}
