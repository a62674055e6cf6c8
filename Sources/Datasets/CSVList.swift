import Components
import Foundation
import Formats

/// Images listed in a CSV file, with their classes and, if it has them, boxes. Rows of one image stand for one sample: its
/// label is the first row's, its objects are all rows'. A row whose box is empty has no object.
public struct CSVList: Dataset {
  public let classNames: [String]
  private let images: [Entry]
  private let path: String

  private struct Entry {
    var path: String
    var label: Int
    var boxes: [(line: Int, label: Int, corners: [Double])]
  }

  /// What the columns are called, in the file's first line.
  public struct Columns: Sendable, Equatable {
    /// Of the image's path and of its class.
    public var image, label: String
    /// Of a box's left, upper, right and lower edge, in pixels; empty if there are none.
    public var box: [String]

    /// `image` and `label`, without boxes.
    public init(image: String = "image", label: String = "label", box: [String] = []) {
      (self.image, self.label, self.box) = (image, label, box)
    }
  }

  public let remarks = Remarks()

  /// Reads a list; the images are read when they are asked for.
  ///
  /// - Parameters:
  ///   - path: the list.
  ///   - columns: what its columns are called.
  ///   - folder: where the paths begin; the list's own folder if nil.
  ///   - classes: a file with a line for each class, which the labels then number, or name by any word of its line. Without
  ///     it labels that are whole numbers are the classes themselves, and others are names; see ``ClassList``.
  /// - Throws: a `FileError` that names the line.
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
      // Different names would become the same.
      if !table.isWhole,
        let name = [fields[image], fields[label]].first(where: { $0.unicodeScalars.contains("\u{fffd}") })
      {
        throw malformed(line, "'\(name)' is no text in UTF-8; save the list in that encoding")
      }
      let corners = try box.map { index in
        guard let value = Double(fields[index]), abs(value) < 1e6 else {
          // An image without an object has a row all the same.
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

  /// The classes of labels that no list names.
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

  /// Boxes count as drawn on the upright image, whose size no list states.
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
    /// The list.
    public var file = ""
    /// Where its paths begin; nil for the list's own folder.
    public var images: String?
    /// A file with a line for each class; nil for the labels that occur.
    public var classes: String?
    /// What its columns are called.
    public var columns = Columns()

    /// A list whose columns have the usual names.
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
