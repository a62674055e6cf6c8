import Components
import Foundation
import Formats

/// Images listed in a CSV file with their classes and, optionally, boxes. All rows of one image form one sample: its
/// label is that of the first row, and its objects are those of all rows. A row with an empty box adds no object.
public struct CSVList: Dataset {
  public let classNames: [String]
  private let images: [Entry]
  private let path: String

  private struct Entry {
    var path: String
    var label: Int
    var boxes: [(line: Int, label: Int, corners: [Double])]
  }

  /// The names of the columns in the file's first line.
  public struct Columns: Sendable, Equatable {
    /// The columns of the image's path and of its class.
    public var image, label: String
    /// The columns of a box's left, upper, right and lower edges in pixels; empty if there are no boxes.
    public var box: [String]

    /// Column names; by default `image` and `label`, without boxes.
    public init(image: String = "image", label: String = "label", box: [String] = []) {
      (self.image, self.label, self.box) = (image, label, box)
    }
  }

  public let remarks = Remarks()

  /// Reads the list; each image is read only when its sample is requested.
  ///
  /// - Parameters:
  ///   - path: the CSV file.
  ///   - columns: the names of its columns.
  ///   - folder: the folder to which the image paths are relative; nil for the folder of the list.
  ///   - classes: a file with a line for each class. Labels are then indices of lines, or any word of a line. If it is
  ///     nil, labels that are integers are the class indices themselves, and other labels are names; see ``ClassList``.
  /// - Throws: a `FileError` with the line at which the list is wrong.
  public init(_ path: String, columns: Columns = Columns(), folder: String? = nil, classes: String? = nil) throws {
    let table = try CSVTable(path)
    func malformed(_ line: Int, _ message: String) -> FileError {
      FileError(.malformed, path, "line \(line): \(message)")
    }
    func column(_ name: String) throws -> Int {
      guard let index = table.header.firstIndex(of: name) else {
        throw malformed(1, "no column '\(name)'; there are \(table.header.joined(separator: ", "))")
      }
      guard table.header.lastIndex(of: name) == index else { throw malformed(1, "two columns are called '\(name)'") }
      return index
    }
    let (image, label, box) = (
      try column(columns.image), try column(columns.label), try columns.box.map(column)
    )
    var rows: [(line: Int, image: String, label: String, corners: [Double]?)] = []
    for (line, fields) in table.rows {
      guard !fields[image].isEmpty else { throw malformed(line, "no image in column '\(columns.image)'") }
      guard !fields[label].isEmpty else { throw malformed(line, "no class in column '\(columns.label)'") }
      // Invalid bytes become U+FFFD, which could make different names equal.
      if !table.isWhole,
        let name = [fields[image], fields[label]].first(where: { $0.unicodeScalars.contains("\u{fffd}") })
      {
        throw malformed(line, "'\(name)' is no text in UTF-8; save the list in that encoding")
      }
      let corners = try box.map { index in
        guard let value = Double(fields[index]), abs(value) < 1e6 else {
          // An image without objects has a row with empty box columns.
          if box.allSatisfy({ fields[$0].isEmpty }) { return Double.nan }
          throw malformed(line, "'\(fields[index])' in column '\(table.header[index])', where a number is expected")
        }
        return value
      }
      let isBox = corners.count == 4 && !corners[0].isNaN
      if isBox, corners[0] >= corners[2] || corners[1] >= corners[3] {
        throw malformed(line, "an empty box from (\(corners[0]), \(corners[1])) to (\(corners[2]), \(corners[3]))")
      }
      rows.append((line, fields[image], fields[label], isBox ? corners : nil))
    }
    guard !rows.isEmpty else { throw FileError(.malformed, path, "no images in this list") }

    let names = try classes.map(ClassList.read) ?? Self.classes(rows.map { ($0.line, $0.label) }, malformed)
    let list = ClassList(names)
    var (entries, indices) = ([Entry](), [String: Int]())
    let base = folder ?? Paths.folder(of: path)
    for row in rows {
      guard let class_ = list.index(of: row.label) else {
        throw malformed(row.line, "the label '\(row.label)' is \(list.problem(of: row.label))")
      }
      let index = indices[row.image] ?? entries.count
      if index == entries.count {
        indices[row.image] = index
        entries.append(Entry(path: ImagePath.found(row.image, in: base), label: class_, boxes: []))
      }
      if let corners = row.corners {
        entries[index].boxes.append((row.line, class_, corners))
      } else if class_ != entries[index].label {
        remarks.add(
          "rows that give an image another class than its first, without a box, left out", "\(path), line \(row.line)")
      }
    }
    (images, classNames, self.path) = (entries, names, path)
  }

  /// The class names that follow from the labels alone, if no list of classes is given.
  private static func classes(
    _ labels: [(line: Int, text: String)], _ malformed: (Int, String) -> FileError
  ) throws -> [String] {
    let number = labels.first { ClassList.number($0.text) != nil }
    let name = labels.first { ClassList.number($0.text) == nil }
    guard let number else { return Set(labels.map(\.text)).sortedByCodePoint() }
    if let name {
      throw malformed(
        name.line,
        "the label '\(name.text)' is a name, where line \(number.line) has the number '\(number.text)'; state the classes"
      )
    }
    let numbers = labels.compactMap { ClassList.number($0.text) }
    if let names = ClassList.numbered(numbers) { return names }
    let wrong = labels.first { ClassList.number($0.text).flatMap { ClassList.numbered([$0]) } == nil }
    throw malformed(wrong?.line ?? 1, "the label '\(wrong?.text ?? "")' is no class's number; they begin at 0")
  }

  public var count: Int { images.count }

  /// Boxes are taken as drawn on the upright image, since a list does not state the image's size.
  public func sample(at index: Int) throws -> Sample {
    let entry = images[index]
    let file = try remarks.image(entry.path)
    if !entry.boxes.isEmpty && file.orientation != .upright { remarks.add(Reasons.uncertain, entry.path) }
    let objects = entry.boxes.compactMap { line, label, corners in
      let object = Sample.Object(label: label, box: corners, in: file.image.size)
      if object == nil { remarks.add(Reasons.outside, "\(path), line \(line)") }
      return object
    }
    return Sample(image: file.image, label: entry.label, objects: objects, source: entry.path)
  }
}

extension CSVList {
  /// A list of images, as recipes state it.
  public struct Source: DatasetSource, Equatable {
    public let name = "csv"
    /// The CSV file.
    public var file = ""
    /// The folder to which the image paths are relative; nil for the folder of the list.
    public var images: String?
    /// A file with a line for each class; nil to derive the classes from the labels.
    public var classes: String?
    /// The names of its columns.
    public var columns = Columns()

    /// A list whose columns have the default names.
    public init(_ file: String = "") { self.file = file }

    public mutating func visit(_ keys: Keys) {
      keys("file", &file, .inputPath, isRequired: true)
      keys("images", &images, .optional(.inputPath))
      keys("classes", &classes, .optional(.inputPath))
      keys("image_column", &columns.image, .word)
      keys("label_column", &columns.label, .word)
      keys("box_columns", &columns.box, .list(.word))
      if ![0, 4].contains(columns.box.count) {
        keys.refuse("box_columns", "expected four columns: of the left, upper, right and lower edge")
      }
    }

    public func dataset() throws -> any Dataset {
      try CSVList(file, columns: columns, folder: images, classes: classes)
    }
  }
}
