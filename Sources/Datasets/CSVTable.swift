import Foundation
import Formats

/// The rows of a CSV file (RFC 4180), as Python's module reads them: fields are divided by commas; one in double quotes may hold
/// commas, line breaks, and two quotes for one. Blanks around fields that are not in quotes do not count.
struct CSVTable {
  /// The first row's fields.
  let header: [String]
  /// All others that are not empty, with the line at which they begin.
  let rows: [(line: Int, fields: [String])]

  /// - Throws: a ``FileError`` if a row has another number of fields than the first, or a quote does not end.
  init(_ path: String) throws {
    var reader = Reader(try Files.text(path))
    guard let first = try reader.row(path) else { throw FileError(.malformed, path, "an empty file, without columns") }
    header = first.fields
    var rows: [(line: Int, fields: [String])] = []
    while let row = try reader.row(path) {
      if row.fields.allSatisfy(\.isEmpty) { continue }
      guard row.fields.count == header.count else {
        throw FileError(
          .malformed, path, "line \(row.line): \(row.fields.count) fields, where the first line has \(header.count)")
      }
      rows.append(row)
    }
    self.rows = rows
  }

  private struct Reader {
    private let text: String
    private var at: String.UnicodeScalarIndex
    private var line = 1

    init(_ text: String) { (self.text, at) = (text, text.startIndex) }

    /// The next character; a line break of any kind is a line feed.
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

    /// The next row; nil after the last.
    mutating func row(_ path: String) throws -> (line: Int, fields: [String])? {
      guard at < text.endIndex else { return nil }
      let first = line
      var (fields, field) = ([String](), Field())
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
          fields.append(field.value)
          field = Field()
        case "\n": return (first, fields + [field.value])
        // Blanks behind a field in quotes are none of it.
        default: if !field.isQuoted || !scalar.properties.isWhitespace { field.text.append(scalar) }
        }
      }
      if field.isOpen {
        throw FileError(.malformed, path, "line \(first): a field in quotes that do not end")
      }
      return (first, fields + [field.value])
    }
  }

  private struct Field {
    var text = String.UnicodeScalarView()
    var isQuoted = false
    var isOpen = false

    var isBlank: Bool { !isQuoted && text.allSatisfy(\.properties.isWhitespace) }
    var value: String { isQuoted ? String(text) : String(text).trimmingCharacters(in: .whitespaces) }
  }
}
