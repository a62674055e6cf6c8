import Foundation

/// A check of a document's markup before libxml2 parses it. libxml2 compares each attribute of a tag with all others,
/// each namespace name likewise, and each declaration with many, so a few megabytes of them take minutes.
enum XMLMarkup {
  /// The largest number of attributes in a tag; no annotation file has so many.
  private static let mostAttributes = 1000
  private static let mostDeclarations = 1000

  /// The message about markup that would take too long to parse; nil if there is none. Other errors in the document are
  /// left to libxml2.
  static func problem(in document: Data) -> String? {
    document.withUnsafeBytes {
      var scan = Scan(bytes: $0)
      return scan.problem()
    }
  }

  private struct Scan {
    let bytes: UnsafeRawBufferPointer
    private var at = 0
    private var line = 1

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func problem() -> String? {
      var declarations = 0
      while let byte = next() {
        guard byte == UInt8(ascii: "<") else { continue }
        if skip("!--", to: "-->") || skip("![CDATA[", to: "]]>") || skip("?", to: "?>") { continue }
        if at < bytes.count, bytes[at] == UInt8(ascii: "!") {
          declarations += 1
          if declarations > mostDeclarations { return "line \(line): more than \(mostDeclarations) declarations" }
        } else {
          let first = line
          if hasManyAttributes() { return "line \(first): a tag of more than \(mostAttributes) attributes" }
        }
      }
      return nil
    }

    private mutating func next() -> UInt8? {
      guard at < bytes.count else { return nil }
      defer { at += 1 }
      if bytes[at] == UInt8(ascii: "\n") { line += 1 }
      return bytes[at]
    }

    private func isAhead(_ text: StaticString) -> Bool {
      bytes[at...].starts(with: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// If the text `start` is at this position, skips to `end`, and returns true.
    private mutating func skip(_ start: StaticString, to end: StaticString) -> Bool {
      guard isAhead(start) else { return false }
      for _ in 0..<start.utf8CodeUnitCount { _ = next() }
      while !isAhead(end), next() != nil {}
      return true
    }

    /// Skips to the end of the tag that begins here; returns whether it has too many attributes.
    private mutating func hasManyAttributes() -> Bool {
      var (count, quote) = (0, UInt8?.none)
      while let byte = next() {
        if let open = quote {
          if byte == open { quote = nil }
        } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
          quote = byte
          count += 1
          if count > mostAttributes { return true }
        } else if byte == UInt8(ascii: ">") {
          return false
        }
      }
      return false
    }
  }
}
