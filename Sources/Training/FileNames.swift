/// Names of files made of names that come from outside: of classes, layers, images.
extension String {
  /// As a part of a file's name: without what separates folders or words and without what a terminal would obey, and no longer
  /// than so many bytes. What had to be cut ends in a mark of the whole, so that different names stay different.
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
    // FNV-1a: any function would do that is the same on every machine.
    let mark = utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    let digits = String(mark, radix: 16)
    var kept = safe
    while kept.utf8.count + 1 + digits.utf8.count > limit, !kept.isEmpty { kept.removeLast() }
    return kept + "~" + digits
  }
}

extension [String] {
  /// Names of which no two are alike as file names: their numbers stand behind those that would be. No name is longer than
  /// `limit` bytes. `taken` says whether a name, as a file's, means something else; its number then stands before it.
  func distinct(bytes limit: Int, unlessTaken taken: (String) -> Bool) -> [String] {
    var names = enumerated().map { taken($1.asFileName(bytes: limit)) ? "\($0) \($1)" : $1 }
    while true {
      let counts = Dictionary(names.map { ($0.asFileName(bytes: limit), 1) }, uniquingKeysWith: +)
      // Those that are alike have different numbers, so that this ends.
      let next = names.enumerated().map { index, name in
        counts[name.asFileName(bytes: limit), default: 0] > 1 ? "\(name) (\(index))" : name
      }
      if next == names { return names }
      names = next
    }
  }
}
