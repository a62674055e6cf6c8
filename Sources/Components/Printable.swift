extension StringProtocol {
  /// The text on one line, without characters that move a terminal's cursor, change colors or change the direction of
  /// writing. Names that are read from files may contain such characters; they are replaced by Swift's escapes,
  /// `\u{1b}`.
  public var printable: String { escaped(keeping: []) }

  /// The text as in ``printable``, but with its line breaks.
  public var printableLines: String { escaped(keeping: ["\n"]) }

  /// The text as in ``printable``, with the middle left out if it is very long. A name that is read from a damaged file
  /// can be as long as the file.
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
        // Characters are appended one by one, because appending a sequence copies the whole text.
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
    case 0..<0x20, 0x7f..<0xa0: true  // control characters
    case 0x200e...0x200f, 0x2028...0x202e, 0x2066...0x2069: true  // line separators and direction marks
    default: false
    }
  }
}
