/// A font of three by five dots for labels in figures; lower-case letters are drawn as capitals.
enum Lettering {
  /// The five rows of each glyph, each an octal digit for three dots.
  private static let glyphs: [Character: String] = [
    "A": "25755", "B": "65656", "C": "34443", "D": "65556", "E": "74647", "F": "74644", "G": "34553", "H": "55755",
    "I": "72227", "J": "11152", "K": "55655", "L": "44447", "M": "57755", "N": "65555", "O": "25552", "P": "65644",
    "Q": "25573", "R": "65655", "S": "34216", "T": "72222", "U": "55557", "V": "55552", "W": "55775", "X": "55255",
    "Y": "55222", "Z": "71247", "0": "75557", "1": "26227", "2": "61247", "3": "61216", "4": "55711", "5": "74616",
    "6": "34652", "7": "71122", "8": "25252", "9": "25316", ".": "00002", ",": "00024", ":": "02020", "-": "00700",
    "_": "00007", "+": "02720", "=": "07070", "/": "11244", "(": "12221", ")": "42224", "%": "51245", "'": "22000",
  ]
  static let width = 3
  static let height = 5

  /// The dots of a text, with one column of space between letters; unknown characters are blank.
  static func dots(_ text: String) -> [(x: Int, y: Int)] {
    text.uppercased().enumerated().flatMap { position, letter in
      (glyphs[letter] ?? "00000").enumerated().flatMap { y, digit in
        let bits = digit.wholeNumberValue ?? 0
        return (0..<3).compactMap { x in bits >> (2 - x) & 1 == 1 ? (position * (width + 1) + x, y) : nil }
      }
    }
  }
}
