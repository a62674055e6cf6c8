import Foundation
import Formats

/// The rows of a CSV file (RFC 4180), as Python's csv module reads them: fields are separated by commas; a field in
/// double quotes may contain commas, line breaks, and doubled quotes for a quote. Blanks around unquoted fields are
/// removed.
struct CSVTable {
  /// The fields of the first row.
  let header: [String]
  /// All other rows that are not empty, with the line at which each begins.
  let rows: [(line: Int, fields: [String])]

  /// Whether the whole file is valid UTF-8 or UTF-16; invalid bytes are replaced by U+FFFD.
  let isWhole: Bool

  /// Reads a CSV file.
  ///
  /// - Throws: a `FileError` if a row and the first row have different numbers of fields, or a quote is not closed.
  init(_ path: String) throws {
    let (text, isWhole) = try Files.text(path)
    self.isWhole = isWhole
    var reader = Reader(text)
    guard let first = try reader.row(path) else { throw FileError(.malformed, path, "an empty file, without columns") }
    header = first.fields
    var rows: [(line: Int, fields: [String])] = []
    while let row = try reader.row(path, atMost: header.count) {
      if row.isEmpty { continue }
      guard row.count == header.count else {
        throw FileError(
          .malformed, path, "line \(row.line): \(row.count) fields, where the first line has \(header.count)")
      }
      rows.append((row.line, row.fields))
    }
    self.rows = rows
  }

  private struct Row {
    /// The line at which the row begins.
    let line: Int
    private(set) var fields: [String] = []
    /// The number of fields, including those beyond the limit, which are not kept.
    private(set) var count = 0
    private(set) var isEmpty = true

    init(line: Int) { self.line = line }

    mutating func add(_ field: Field, atMost limit: Int) {
      let value = field.value
      isEmpty = isEmpty && value.isEmpty
      count += 1
      if count <= limit { fields.append(value) }
    }
  }

  private struct Reader {
    private let text: String
    private var at: String.UnicodeScalarIndex
    private var line = 1

    init(_ text: String) { (self.text, at) = (text, text.startIndex) }

    /// The next character; every kind of line break is returned as a line feed.
    private mutating func next() -> Unicode.Scalar? {
      guard at < text.endIndex else { return nil }
      var scalar = text.unicodeScalars[at]
      at = text.unicodeScalars.index(after: at)
      if scalar == "\r" {
        if at < text.endIndex, text.unicodeScalars[at] == "\n" { at = text.unicodeScalars.index(after: at) }
        scalar = "\n"
      }
      if scalar == "\n" { line += 1 }
      return scalar
    }

    private var isBeforeQuote: Bool { at < text.endIndex && text.unicodeScalars[at] == "\"" }

    /// Reads the next row; nil after the last. Fields beyond the limit are counted but not kept.
    mutating func row(_ path: String, atMost limit: Int = .max) throws -> Row? {
      guard at < text.endIndex else { return nil }
      var (row, field) = (Row(line: line), Field())
      while let scalar = next() {
        switch scalar {
        case "\"" where field.isOpen:
          if isBeforeQuote {
            field.text.append("\"")
            _ = next()
          } else {
            field.isOpen = false
          }
        case _ where field.isOpen: field.text.append(scalar)
        case "\"" where field.isBlank: field = Field(isQuoted: true, isOpen: true)
        case ",":
          row.add(field, atMost: limit)
          field = Field()
        case "\n":
          row.add(field, atMost: limit)
          return row
        // Blanks after a quoted field do not belong to it.
        default: if !field.isQuoted || !scalar.properties.isWhitespace { field.text.append(scalar) }
        }
      }
      if field.isOpen {
        throw FileError(.malformed, path, "line \(row.line): a field in quotes that do not end")
      }
      row.add(field, atMost: limit)
      return row
    }
  }

  private struct Field {
    var text = String.UnicodeScalarView()
    var isQuoted = false
    var isOpen = false

    var isBlank: Bool { !isQuoted && text.allSatisfy(\.properties.isWhitespace) }
    var value: String {
      // Most fields need no trimming, and checking first is faster than trimming all.
      guard !isQuoted, let first = text.first, let last = text.last, [first, last].contains(where: Self.mayBeBlank)
      else { return String(text) }
      return String(text).trimmingCharacters(in: .whitespaces)
    }

    private static func mayBeBlank(_ scalar: Unicode.Scalar) -> Bool { !(0x21...0x7e).contains(scalar.value) }
  }
}
