/// Makes file names from external names of classes, layers and images.
extension String {
  /// The text as a part of a file name of at most `limit` bytes, without slashes, blanks and control characters. A text
  /// that is too long is cut off and gets a hash of the whole text as its end, so that different names stay different.
  func asFileName(bytes limit: Int) -> String {
    let safe = String(
      String.UnicodeScalarView(
        unicodeScalars.map { scalar in
          if scalar == "/" { return "." }
          switch scalar.properties.generalCategory {
          case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .surrogate, .unassigned:
            return "_"
          default: return scalar
          }
        }))
    guard safe.utf8.count > limit else { return safe }
    // FNV-1a; any hash function that is the same on every machine would do.
    let mark = utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    let digits = String(mark, radix: 16)
    var kept = safe
    while kept.utf8.count + 1 + digits.utf8.count > limit, !kept.isEmpty { kept.removeLast() }
    return kept + "~" + digits
  }
}

extension [String] {
  /// Unique names of at most `limit` bytes. Names that would be equal as file names get their index as a suffix.
  /// `taken` tells whether a file name has another meaning; such a name gets its index as a prefix.
  func distinct(bytes limit: Int, unlessTaken taken: (String) -> Bool) -> [String] {
    var names = enumerated().map { taken($1.asFileName(bytes: limit)) ? "\($0) \($1)" : $1 }
    while true {
      let counts = Dictionary(names.map { ($0.asFileName(bytes: limit), 1) }, uniquingKeysWith: +)
      // Equal names have different indices, so this loop ends.
      let next = names.enumerated().map { index, name in
        counts[name.asFileName(bytes: limit), default: 0] > 1 ? "\(name) (\(index))" : name
      }
      if next == names { return names }
      names = next
    }
  }
}
