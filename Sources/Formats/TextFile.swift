import Foundation

extension Files {
  /// A file's text in UTF-8, without the mark that spreadsheets and editors put before it; what is no UTF-8 is replaced.
  public static func text(_ path: String) throws(FileError) -> String {
    let data = try read(path)
    return String(decoding: data.starts(with: [0xef, 0xbb, 0xbf]) ? data.dropFirst(3) : data, as: UTF8.self)
  }

  /// The lines of a file that hold anything, without the blanks around it, however they are ended.
  public static func lines(_ path: String) throws(FileError) -> [String] {
    // By scalars: what a reader sees as one letter may be all of a file.
    try text(path).unicodeScalars.split { Character($0).isNewline }
      .map { String($0).trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
  }
}
