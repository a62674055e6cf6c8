import Foundation

extension Files {
  /// A file's text without the mark that spreadsheets and editors put before it: in UTF-8, or in UTF-16 where that mark says so.
  ///
  /// - Parameter path: the file.
  /// - Returns: the text, and whether all of it is in that encoding. What is not is replaced by U+FFFD, so that different names
  ///   can become the same.
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

  /// The lines of a file that hold anything, without the blanks around it, however they are ended.
  ///
  /// - Parameter path: the file.
  /// - Returns: the lines.
  /// - Throws: a ``FileError`` if the file cannot be read, or is no text in UTF-8 or UTF-16.
  public static func lines(_ path: String) throws(FileError) -> [String] {
    let (text, isWhole) = try text(path)
    // By scalars: what a reader sees as one letter may be all of a file.
    let lines = text.unicodeScalars.split { Character($0).isNewline }
      .map { String($0).trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    guard isWhole else {
      let wrong = lines.first { $0.unicodeScalars.contains("\u{fffd}") } ?? ""
      throw FileError(.malformed, path, "'\(wrong)' is no text in UTF-8; save the file in that encoding")
    }
    return lines
  }
}
