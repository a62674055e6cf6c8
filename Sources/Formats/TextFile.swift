import Foundation

extension Files {
  /// Reads a text file in UTF-8, or in UTF-16 if it begins with a byte order mark that says so. The byte order mark is
  /// removed.
  ///
  /// - Parameter path: the file.
  /// - Returns: the text, and whether all of it is valid in that encoding. Invalid bytes are replaced by U+FFFD, so
  ///   different names can become equal.
  /// - Throws: a ``FileError`` if the file cannot be read.
  public static func text(_ path: String) throws(FileError) -> (text: String, isWhole: Bool) {
    let data = try read(path)
    if data.starts(with: [0xff, 0xfe]) || data.starts(with: [0xfe, 0xff]),
      let text = String(data: data, encoding: .utf16)
    {
      return (text, true)
    }
    let bytes = data.starts(with: [0xef, 0xbb, 0xbf]) ? data.dropFirst(3) : data
    if let text = String(validating: bytes, as: UTF8.self) { return (text, true) }
    return (String(decoding: bytes, as: UTF8.self), false)
  }

  /// Reads the lines of a file that are not blank, without leading and trailing blanks. Any kind of line ending is
  /// accepted.
  ///
  /// - Parameter path: the file.
  /// - Returns: the lines.
  /// - Throws: a ``FileError`` if the file cannot be read, or is not text in UTF-8 or UTF-16.
  public static func lines(_ path: String) throws(FileError) -> [String] {
    let (text, isWhole) = try text(path)
    // Split by Unicode scalars: a single grapheme cluster (`Character`) can be arbitrarily long, which makes splitting
    // slow.
    let lines = text.unicodeScalars.split { Character($0).isNewline }
      .map { String($0).trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    guard isWhole else {
      let wrong = lines.first { $0.unicodeScalars.contains("\u{fffd}") } ?? ""
      throw FileError(.malformed, path, "'\(wrong)' is no text in UTF-8; save the file in that encoding")
    }
    return lines
  }
}
