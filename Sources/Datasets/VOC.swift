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

  /// A PASCAL VOC tree: `JPEGImages`, `Annotations`, and in `ImageSets/Main` a list of images for each split. An image is the
  /// file that its annotation names, or else the one of the annotation's own name, of any ending.
  ///
  /// - Parameters:
  ///   - folder: the year's folder, such as `VOCdevkit/VOC2007`.
  ///   - split: `train`, `val`, `trainval` or `test`.
  ///   - samples: whether an image is a sample for each of its classes or one alone.
  ///   - includesDifficult: whether objects count that are marked as difficult.
  ///   - classes: a file with a line for each class; nil for VOC's twenty.
  /// - Returns: the data set.
  /// - Throws: a `FileError` that names the file, and the line in it.
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
    /// Which of its lists.
    public var split = "val"
    /// Whether an image is a sample for each of its classes or one alone.
    public var samples = Samples.classes
    /// Whether objects count that are marked as difficult.
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

/// An image's annotation.
private struct VOCAnnotation {
  let path: String
  /// The image's file, as it is stated; empty if it is not.
  let file: String
  /// Of the image; nil where it is not stated.
  let size: PixelSize?
  let objects: [Object]

  struct Object {
    var name: String
    var isDifficult: Bool
    /// Left, upper, right and lower edge; nil if it cannot be read.
    var box: [Double]?
    var line: Int
  }

  /// The annotation that a line of a list means: a name, perhaps with an image's ending, and perhaps with a flag after it that
  /// says whether the list's class is in the image. A name may hold blanks and end as a flag does, so the files decide.
  static func find(_ line: String, in folder: String) throws -> VOCAnnotation {
    let words = line.split(whereSeparator: \.isWhitespace)
    var names = [line]
    if let flag = words.last, words.count > 1, ["-1", "0", "1"].contains(flag) {
      names.append(line.dropLast(flag.count).trimmingCharacters(in: .whitespaces))
    }
    let paths = (names + names.map { Paths.stem(of: $0) }).map { "\(folder)/Annotations/\($0).xml" }
    // The name without the flag is what a message should tell.
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
          // Pixels are counted from 1, and the last one belongs to the object.
          box: box.count == 4 ? [box[0] - 1, box[1] - 1, box[2], box[3]] : nil, line: element.line)
      })
  }

  /// The image's path: of the first that is there, in the order of likelihood.
  func image(in folder: String) -> String {
    let (images, own) = ("\(folder)/JPEGImages", Paths.stem(of: path))
    let stated = file.isEmpty ? [] : [ImagePath.found(Paths.name(of: file.replacing("\\", with: "/")), in: images)]
    let endings = ["jpg"] + RGBImage.endings.subtracting(["jpg"]).sorted()
    let likely = stated + (endings + endings.map { $0.uppercased() }).map { "\(images)/\(own).\($0)" }
    return likely.first(where: FileManager.default.fileExists) ?? likely[0]
  }
}

extension XMLElement {
  /// The number in a child; nil if there is none.
  fileprivate func number(_ name: String) -> Double? {
    (children(named: name).first?.text).flatMap { Double($0) }.flatMap { abs($0) < 1e6 ? $0 : nil }
  }
}
