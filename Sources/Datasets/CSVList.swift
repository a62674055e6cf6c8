import Foundation
import Formats

/// Images listed in a CSV file, with their classes and, if it has them, boxes. Rows of one image stand for one sample: its
/// label is the first row's, its objects are all rows'.
public struct CSVList: Dataset {
  public let classNames: [String]
  private let images: [Entry]

  private struct Entry {
    var path: String
    var label: Int
    var boxes: [(label: Int, corners: [Double])]
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

  /// - Parameters:
  ///   - folder: where the paths begin; the list's own folder if nil.
  ///   - classes: a file with a line for each class, which the labels then number, or name by any word of its line. Without
  ///     it, classes are the labels that occur, in order.
  /// - Throws: a ``FileError`` that names the line.
  public init(_ path: String, columns: Columns = Columns(), folder: String? = nil, classes: String? = nil) throws {
    var text = String(decoding: try Files.read(path), as: UTF8.self)
    // Spreadsheets put a mark of the encoding first.
    if text.unicodeScalars.first == "\u{feff}" { text.unicodeScalars.removeFirst() }
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    func malformed(_ line: Int, _ message: String) -> FileError {
      FileError(.malformed, path, "line \(line): \(message)")
    }
    let header = Self.fields(lines[0])
    func column(_ name: String) throws -> Int {
      guard let index = header.firstIndex(of: name) else {
        throw malformed(1, "no column '\(name)'; there are \(header.joined(separator: ", "))")
      }
      return index
    }
    let (image, label, box) = (
      try column(columns.image), try column(columns.label), try columns.box.map(column)
    )
    var rows: [(line: Int, image: String, label: String, corners: [Double])] = []
    for (number, line) in lines.enumerated().dropFirst() where !line.allSatisfy(\.isWhitespace) {
      let fields = Self.fields(line)
      guard fields.count == header.count else {
        throw malformed(number + 1, "\(fields.count) fields, where the first line has \(header.count)")
      }
      let corners = try box.map { index in
        guard let value = Double(fields[index]), abs(value) < 1e6 else {
          throw malformed(number + 1, "'\(fields[index])' in column '\(header[index])', where a number is expected")
        }
        return value
      }
      if corners.count == 4, corners[0] >= corners[2] || corners[1] >= corners[3] {
        throw malformed(
          number + 1, "an empty box from (\(corners[0]), \(corners[1])) to (\(corners[2]), \(corners[3]))")
      }
      rows.append((number + 1, fields[image], fields[label], corners))
    }
    guard !rows.isEmpty else { throw FileError(.malformed, path, "no images in this list") }

    let names = try classes.map(ClassList.read) ?? Set(rows.map(\.label)).sorted()
    let list = ClassList(names)
    var (entries, indices) = ([Entry](), [String: Int]())
    let base = folder ?? (path as NSString).deletingLastPathComponent
    for row in rows {
      guard let class_ = list.index(of: row.label) else {
        throw malformed(row.line, "the label '\(row.label)' is none of the \(names.count) classes")
      }
      let index = indices[row.image] ?? entries.count
      if index == entries.count {
        indices[row.image] = index
        entries.append(
          Entry(path: row.image.hasPrefix("/") ? row.image : base + "/" + row.image, label: class_, boxes: []))
      }
      if row.corners.count == 4 { entries[index].boxes.append((class_, row.corners)) }
    }
    (images, classNames) = (entries, names)
  }

  public var count: Int { images.count }

  public func sample(at index: Int) throws -> Sample {
    let entry = images[index]
    let picture = try Picture(contentsOf: entry.path)
    let objects = entry.boxes.map { label, corners in Sample.Object(label: label, box: corners, in: picture) }
    return Sample(picture: picture, label: entry.label, objects: objects, source: entry.path)
  }

  /// A line's fields; one in double quotes may hold commas, and two quotes for one.
  static func fields(_ line: Substring) -> [String] {
    var (fields, field, isQuoted) = ([String](), "", false)
    var rest = line[...]
    while let character = rest.popFirst() {
      switch character {
      case "\"" where isQuoted && rest.first == "\"":
        field.append("\"")
        rest.removeFirst()
      case "\"": isQuoted.toggle()
      case "," where !isQuoted:
        fields.append(field.trimmingCharacters(in: .whitespaces))
        field = ""
      default: field.append(character)
      }
    }
    return fields + [field.trimmingCharacters(in: .whitespaces)]
  }
}

/// The names of classes, in order, each perhaps with other words for it: `n02123159 tiger_cat`.
public struct ClassList: Sendable {
  /// A line for each class.
  public let names: [String]
  private let indices: [String: Int]

  /// Classes of these names.
  public init(_ names: [String]) {
    self.names = names
    // What two classes share names neither.
    var (indices, shared) = ([String: Int](), Set<String>())
    for (index, name) in names.enumerated() {
      for word in Set([name] + name.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)) {
        if let other = indices[word], other != index { shared.insert(word) }
        indices[word] = index
      }
    }
    for word in shared where !names.contains(word) { indices[word] = nil }
    // Nor does a name that two have, as ImageNet's two cranes.
    let counts = Dictionary(names.map { ($0, 1) }, uniquingKeysWith: +)
    for (index, name) in names.enumerated() { indices[name] = counts[name] == 1 ? index : nil }
    self.indices = indices
  }

  /// The class of that name, of a word of its name, or of that number.
  public func index(of text: String) -> Int? {
    indices[text] ?? Int(text).flatMap { names.indices.contains($0) ? $0 : nil }
  }

  /// The lines of a file.
  ///
  /// - Throws: a ``FileError`` if there are none.
  public static func read(_ path: String) throws -> [String] {
    let text = String(decoding: try Files.read(path), as: UTF8.self)
    let lines = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
      .filter { !$0.isEmpty }
    guard !lines.isEmpty else { throw FileError(.malformed, path, "no names of classes in this file") }
    return lines
  }
}
