extension StringProtocol {
  /// The text on one line, and without what would move a terminal's cursor, color it or turn the direction of writing: names
  /// from files can hold anything. Such characters stand as Swift writes them, `\u{1b}`.
  public var printable: String { escaped(keeping: []) }

  /// As ``printable``, but with the text's line breaks.
  public var printableLines: String { escaped(keeping: ["\n"]) }

  /// As ``printable``, and without the middle of what is longer than anybody reads: a name may be all of a file.
  public var shortPrintable: String {
    let half = 1000
    guard utf8.count > 4 * half else { return printable }
    let scalars = String(self).unicodeScalars
    return String(scalars.prefix(half)).printable + " … " + String(scalars.suffix(half)).printable
  }

  private func escaped(keeping kept: Set<Unicode.Scalar>) -> String {
    guard unicodeScalars.contains(where: \.isUnprintable) else { return String(self) }
    var result = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      if scalar.isUnprintable && !kept.contains(scalar) {
        // One by one: appending several takes as long as all that is there already.
        for letter in "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars { result.append(letter) }
      } else {
        result.append(scalar)
      }
    }
    return String(result)
  }
}

extension Unicode.Scalar {
  fileprivate var isUnprintable: Bool {
    switch value {
    case 0..<0x20, 0x7f..<0xa0: true  // controls
    case 0x200e...0x200f, 0x2028...0x202e, 0x2066...0x2069: true  // separators of lines, and directions
    default: false
    }
  }
}
