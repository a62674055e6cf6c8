import Components
import Foundation
import Formats

extension ObjectImages {
  /// The twenty classes of PASCAL VOC (Everingham et al. 2010), in the order of their names.
  public static let vocClasses = [
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse",
    "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
  ]

  /// Reads a PASCAL VOC tree: `JPEGImages`, `Annotations`, and in `ImageSets/Main` a list of images for each split. The
  /// image of an annotation is the file that it names or else the one with the annotation's own name and any image
  /// extension.
  ///
  /// - Parameters:
  ///   - folder: the year's folder, such as `VOCdevkit/VOC2007`.
  ///   - split: `train`, `val`, `trainval` or `test`.
  ///   - samples: whether an image gives one sample per class in it, or a single sample.
  ///   - includesDifficult: whether objects that are marked as difficult are used.
  ///   - classes: a file with a line for each class; nil for VOC's twenty.
  /// - Returns: the data set.
  /// - Throws: a `FileError` with the file and the line that is wrong.
  public static func voc(
    _ folder: String, split: String, samples: Samples = .classes, includesDifficult: Bool = true, classes: String? = nil
  ) throws -> Self {
    let list = "\(folder)/ImageSets/Main/\(split).txt"
    let lines = try Files.lines(list)
    let names = try classes.map(ClassList.read) ?? vocClasses
    let (known, remarks) = (ClassList(names), Remarks())
    guard !lines.isEmpty else { throw FileError(.malformed, list, "no images in this list") }
    let entries = try lines.map { line in
      guard !line.contains("/") else { throw FileError(.malformed, list, "'\(line)' is no name of an image") }
      let annotation = try VOCAnnotation.find(line, in: folder)
      var entry = Entry(path: annotation.image(in: folder), size: annotation.size)
      for object in annotation.objects where includesDifficult || !object.isDifficult {
        guard let label = known.index(of: object.name) else {
          throw FileError(
            .malformed, annotation.path,
            "line \(object.line): the class '\(object.name)' is \(known.problem(of: object.name))")
        }
        entry.add(
          label: label, box: object.box, outline: nil, name: "\(annotation.path), line \(object.line)", remarks)
      }
      return entry
    }
    return ObjectImages(entries, classNames: names, samples: samples, remarks: remarks)
  }
}

extension ObjectImages {
  /// A PASCAL VOC tree, as recipes state it.
  public struct VOC: DatasetSource, Equatable {
    public let name = "voc"
    /// The year's folder.
    public var folder: String
    /// The split: `train`, `val`, `trainval` or `test`.
    public var split = "val"
    /// Whether an image gives one sample per class in it, or a single sample.
    public var samples = Samples.classes
    /// Whether objects that are marked as difficult are used.
    public var includesDifficult = true
    /// A file with a line for each class; nil for VOC's twenty.
    public var classes: String?

    /// The validation images of a year.
    public init(_ folder: String = "") { self.folder = folder }

    public mutating func visit(_ keys: Keys) {
      keys("folder", &folder, .inputPath, isRequired: true)
      keys("split", &split, .word)
      keys("samples", &samples, .choice())
      keys("difficult", &includesDifficult, .boolean)
      keys("classes", &classes, .optional(.inputPath))
    }

    public func dataset() throws -> any Dataset {
      try ObjectImages.voc(
        folder, split: split, samples: samples, includesDifficult: includesDifficult, classes: classes)
    }
  }
}

/// The annotation of an image.
private struct VOCAnnotation {
  let path: String
  /// The file name of the image as the annotation states it; empty if it does not.
  let file: String
  /// The size of the image; nil if it is not stated.
  let size: PixelSize?
  let objects: [Object]

  struct Object {
    var name: String
    var isDifficult: Bool
    /// The left, upper, right and lower edges in pixels; nil if they cannot be read.
    var box: [Double]?
    var line: Int
  }

  /// Finds the annotation for a line of a list: a name, possibly with an image's extension, possibly followed by a flag
  /// that says whether the list's class is in the image. A name may itself contain blanks and end like a flag, so the
  /// existing files decide.
  static func find(_ line: String, in folder: String) throws -> VOCAnnotation {
    let words = line.split(whereSeparator: \.isWhitespace)
    var names = [line]
    if let flag = words.last, words.count > 1, ["-1", "0", "1"].contains(flag) {
      names.append(line.dropLast(flag.count).trimmingCharacters(in: .whitespaces))
    }
    let paths = (names + names.map { Paths.stem(of: $0) }).map { "\(folder)/Annotations/\($0).xml" }
    // If no file exists, the error message names the path without the flag.
    return try read(paths.first(where: FileManager.default.fileExists) ?? paths[names.count - 1])
  }

  private static func read(_ path: String) throws -> VOCAnnotation {
    let root = try XMLElement.read(path)
    let size = root.children(named: "size").first
    let sides = ["width", "height"].compactMap { size?.number($0) }.compactMap { Int(exactly: $0) }.filter {
      (1...1 << 20).contains($0)
    }
    return VOCAnnotation(
      path: path, file: root.children(named: "filename").first?.text ?? "",
      size: sides.count == 2 ? PixelSize(width: sides[0], height: sides[1]) : nil,
      objects: root.children(named: "object").map { element in
        func text(_ name: String) -> String { element.children(named: name).first?.text ?? "" }
        let corners = element.children(named: "bndbox").first
        let box = ["xmin", "ymin", "xmax", "ymax"].compactMap { corners?.number($0) }
        return Object(
          name: text("name"), isDifficult: text("difficult") == "1",
          // VOC counts pixels from 1, and the last pixel belongs to the object.
          box: box.count == 4 ? [box[0] - 1, box[1] - 1, box[2], box[3]] : nil, line: element.line)
      })
  }

  /// The path of the image: the first candidate that exists, the most likely first.
  func image(in folder: String) -> String {
    let (images, own) = ("\(folder)/JPEGImages", Paths.stem(of: path))
    let stated = file.isEmpty ? [] : [ImagePath.found(Paths.name(of: file.replacing("\\", with: "/")), in: images)]
    let endings = ["jpg"] + RGBImage.endings.subtracting(["jpg"]).sorted()
    let likely = stated + (endings + endings.map { $0.uppercased() }).map { "\(images)/\(own).\($0)" }
    return likely.first(where: FileManager.default.fileExists) ?? likely[0]
  }
}

extension XMLElement {
  /// The number in the child element with this name; nil if there is none.
  fileprivate func number(_ name: String) -> Double? {
    (children(named: name).first?.text).flatMap { Double($0) }.flatMap { abs($0) < 1e6 ? $0 : nil }
  }
}
