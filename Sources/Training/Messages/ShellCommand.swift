import Components

/// A command to be printed, in the words that a POSIX shell makes of it.
struct ShellCommand {
  let words: [String]

  init(_ words: [String]) { self.words = words }

  private static let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-")

  /// A word in single quotes, if a shell would take it for something else without them.
  static func quoted(_ word: String) -> String {
    guard word.isEmpty || !word.allSatisfy(plain.contains) else { return word }
    return "'" + word.replacing("'", with: #"'\''"#) + "'"
  }

  /// A path as an argument: one that begins with a dash would be taken for an option.
  static func path(_ path: String) -> String { path.hasPrefix("-") ? "./" + path : path }

  /// The command, indented; where it is longer than a line, lines end with a backslash, and so are still one command.
  func text(width: Int) -> String {
    let words = words.map(Self.quoted)
    var lines = ["  " + (words.first ?? "")]
    for (index, word) in words.enumerated().dropFirst() {
      // An option and its value stay together.
      let isValue = words[index - 1].hasPrefix("--")
      let next = word.hasPrefix("--") && index + 1 < words.count ? 1 + words[index + 1].count : 0
      let length = lines[lines.count - 1].count + 1 + word.count + next
      if !isValue && length + 2 > width {
        lines[lines.count - 1] += " \\"
        lines.append("    " + word)
      } else {
        lines[lines.count - 1] += " " + word
      }
    }
    return lines.joined(separator: "\n")
  }
}
