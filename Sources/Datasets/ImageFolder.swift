import Components
import Foundation
import Formats

/// A folder that contains one folder of PNG and JPEG images per class, possibly with subfolders. Classes and images are
/// sorted by name, as in torchvision's `ImageFolder`. Images of other formats are listed too, and are errors when they
/// are read, so that they are not left out unnoticed. ``Clutter`` is ignored.
public struct ImageFolder: Dataset {
  public let classNames: [String]
  public let remarks = Remarks()
  private let files: [(path: String, label: Int)]

  /// Lists a folder; each image is read only when its sample is requested.
  ///
  /// - Parameters:
  ///   - path: the folder.
  ///   - classes: a file with a line for each class, of which the folder's name is a word (`n02123159 tiger_cat`); nil
  ///     to use the sorted folder names as classes.
  /// - Throws: a `FileError` if the folder is missing or contains no class folders, or if a class has no images or is
  ///   not in the file of classes.
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

  /// The file extensions of images, of those that can be read and of other formats that occur in data sets.
  private static let endings = RGBImage.endings.union([
    "webp", "bmp", "dib", "gif", "tif", "tiff", "ppm", "pgm", "pbm", "pnm", "avif", "heic", "heif", "jp2", "j2k", "jpx",
    "jxl", "mpo", "tga", "ico", "svg", "psd", "exr", "hdr", "dng", "cr2", "nef", "arw",
  ])
  /// The deepest nesting of folders; links could make it endless.
  private static let deepest = 16

  /// The images directly in a folder, followed by those in its subfolders.
  private static func images(in folder: String, _ remarks: Remarks, depth: Int = 0) throws -> [String] {
    guard depth < deepest else { throw FileError(.malformed, folder, "folders in it nest too deeply") }
    let paths = try list(folder, remarks).map { folder + "/" + $0 }
    let own = paths.filter { endings.contains(Paths.ending(of: $0)) }
    // Checking whether a path is a folder needs a system call for each.
    let others = paths.filter { !endings.contains(Paths.ending(of: $0)) }
    let folders = others.filter(isFolder)
    for file in Set(others).subtracting(folders) { remarks.add("files whose names end as no image's, left out", file) }
    return try own + folders.flatMap { try images(in: $0, remarks, depth: depth + 1) }
  }

  private static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }

  /// The sorted names in a folder without ``Clutter``; ignored folders are added to the remarks.
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
    /// A file with a line for each class of the network, of which the folder's name is a word; nil to use the folder
    /// names as classes.
    public var classes: String?

    /// A folder; its classes are its subfolders unless `classes` is given.
    public init(_ path: String = "", classes: String? = nil) { (self.path, self.classes) = (path, classes) }

    public mutating func visit(_ keys: Keys) {
      keys("path", &path, .inputPath, isRequired: true)
      keys("classes", &classes, .optional(.inputPath))
    }

    /// The path alone is accepted in place of a section.
    public static var shorthand: Codec<Self>? {
      Codec<String>.inputPath.standing(for: { Source($0) }) { $0 == Source($0.path) ? $0.path : nil }
    }

    public func dataset() throws -> any Dataset { try ImageFolder(path, classes: classes) }
  }
}

/// Files and folders that editors and operating systems leave among data: hidden ones, and some that are not hidden on
/// every system.
public enum Clutter {
  private static let names: Set = [
    "__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information", "lost+found",
    "@eadir",
  ]

  /// Whether a file or folder with this name is not data.
  public static func includes(_ name: String) -> Bool { name.hasPrefix(".") || names.contains(name.lowercased()) }
}
