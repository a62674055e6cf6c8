import Formats

extension ObjectImages {
  /// The twenty classes of PASCAL VOC (Everingham et al. 2010), in the order of their names.
  public static let vocClasses = [
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse",
    "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
  ]

  /// A PASCAL VOC tree: `JPEGImages`, `Annotations`, and in `ImageSets/Main` a list of images for each split.
  ///
  /// - Parameters:
  ///   - folder: the year's folder, such as `VOCdevkit/VOC2007`.
  ///   - split: `train`, `val`, `trainval` or `test`.
  ///   - includesDifficult: whether objects count that are marked as difficult.
  ///   - classes: a file with a line for each class; nil for VOC's twenty.
  /// - Throws: a ``FileError`` that names the file, and the line in it.
  public static func voc(
    _ folder: String, split: String, samples: Samples = .classes, includesDifficult: Bool = true, classes: String? = nil
  ) throws -> Self {
    let list = "\(folder)/ImageSets/Main/\(split).txt"
    let text = String(decoding: try Files.read(list), as: UTF8.self)
    let names = try classes.map(ClassList.read) ?? vocClasses
    let labels = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    let images = text.split(whereSeparator: \.isNewline).compactMap { $0.split(separator: " ").first.map(String.init) }
    guard !images.isEmpty else { throw FileError(.malformed, list, "no images in this list") }
    let entries = try images.map { image in
      guard !image.contains("/") else { throw FileError(.malformed, list, "'\(image)' is no name of an image") }
      let annotation = "\(folder)/Annotations/\(image).xml"
      let objects = try VOCObject.read(annotation).filter { includesDifficult || !$0.isDifficult }
      return Entry(
        path: "\(folder)/JPEGImages/\(image).jpg",
        objects: try objects.map { object in
          guard let label = labels[object.name] else {
            throw FileError(
              .malformed, annotation, "line \(object.line): the class '\(object.name)' is none of the \(names.count)")
          }
          // Pixels are counted from 1, and the last one belongs to the object.
          return Object(
            label: label, box: [object.box[0] - 1, object.box[1] - 1, object.box[2], object.box[3]], outline: nil)
        })
    }
    return ObjectImages(entries, classNames: names, samples: samples)
  }
}

/// An object as an annotation has it.
private struct VOCObject {
  var name: String
  var isDifficult: Bool
  /// xmin, ymin, xmax, ymax
  var box: [Double]
  var line: Int

  /// The objects of an annotation.
  static func read(_ file: String) throws -> [VOCObject] {
    let root = try XMLElement.read(file)
    return try root.children(named: "object").map { element in
      func text(_ name: String) -> String { element.children(named: name).first?.text ?? "" }
      let corners = element.children(named: "bndbox").first
      let box = ["xmin", "ymin", "xmax", "ymax"].compactMap { edge in
        (corners?.children(named: edge).first?.text).flatMap { Double($0) }
      }
      guard box.count == 4, box.allSatisfy({ abs($0) < 1e6 }), box[0] <= box[2], box[1] <= box[3] else {
        throw FileError(.malformed, file, "line \(element.line): an object without a box that can be read")
      }
      return VOCObject(name: text("name"), isDifficult: text("difficult") == "1", box: box, line: element.line)
    }
  }
}
