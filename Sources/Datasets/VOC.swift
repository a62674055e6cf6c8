import Foundation
import Formats

#if canImport(FoundationXML)
  import FoundationXML
#endif

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
      let objects = try VOCAnnotation.read(annotation).filter { includesDifficult || !$0.isDifficult }
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
  var name = ""
  var isDifficult = false
  /// xmin, ymin, xmax, ymax
  var box = [Double](repeating: .nan, count: 4)
  var line = 0
}

/// Collects the objects of an annotation while its XML is read. Parts of objects, which have boxes too, are passed over.
private final class VOCAnnotation: NSObject, XMLParserDelegate {
  private var objects: [VOCObject] = []
  private var path: [String] = []
  private var text = ""

  static func read(_ file: String) throws -> [VOCObject] {
    let parser = XMLParser(data: try Files.read(file))
    let annotation = VOCAnnotation()
    parser.delegate = annotation
    parser.shouldResolveExternalEntities = false
    guard parser.parse() else {
      throw FileError(.malformed, file, "line \(parser.lineNumber): broken XML")
    }
    for object in annotation.objects {
      guard object.box.allSatisfy({ $0.isFinite && abs($0) < 1e6 }), object.box[0] <= object.box[2],
        object.box[1] <= object.box[3]
      else { throw FileError(.malformed, file, "line \(object.line): an object without a box that can be read") }
    }
    return annotation.objects
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String] = [:]
  ) {
    // Deeper than any annotation goes, a file only means to use up the stack.
    if path.count > 32 { parser.abortParsing() }
    path.append(name)
    text = ""
    if path == ["annotation", "object"] { objects.append(VOCObject(line: parser.lineNumber)) }
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    if path.count >= 3, path[1] == "object" { text += string }
  }

  func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
    let value = text.trimmingCharacters(in: .whitespacesAndNewlines)
    let edges = ["xmin", "ymin", "xmax", "ymax"]
    if let last = objects.indices.last, path.count > 2, path[1] == "object" {
      switch Array(path.dropFirst(2)) {
      case ["name"]: objects[last].name = value
      case ["difficult"]: objects[last].isDifficult = value == "1"
      case ["bndbox", name]:
        if let edge = edges.firstIndex(of: name), let number = Double(value) { objects[last].box[edge] = number }
      default: break
      }
    }
    path.removeLast()
    text = ""
  }
}
