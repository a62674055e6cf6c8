/// A method's name while it is read: a word, perhaps a number behind a colon, and perhaps another name behind a slash.
public struct MethodName {
  /// The whole name: `smooth:50/normgrad`.
  public let text: String
  /// Its first word: `smooth`.
  public let word: String
  /// What stands behind the first colon, before any slash: `50`; nil if there is none.
  public let numeral: String?
  /// What stands behind the first slash: `normgrad`; nil if there is none.
  public let rest: String?
  private let depth: Int

  /// How deep methods may stand in methods. Each repeats what is inside it some times, so that the times multiply.
  private static let mostNested = 3

  init(_ text: String, depth: Int = 0) {
    (self.text, self.depth) = (text, depth)
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    let head = parts[0].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    word = String(head[0])
    numeral = head.count > 1 ? String(head[1]) : nil
    rest = parts.count > 1 ? String(parts[1]) : nil
  }

  /// The number behind the colon.
  ///
  /// - Parameters:
  ///   - what: what it counts, for the message: "samples".
  ///   - most: the largest number that is taken.
  ///   - usual: the number if there is no colon.
  /// - Returns: the number, at least 1.
  /// - Throws: that it is none, or out of its range.
  public func number(of what: String, upTo most: Int, usually usual: Int) throws(Method.Malformed) -> Int {
    guard let numeral else { return usual }
    guard let number = Int(numeral), (1...most).contains(number) else {
      throw Method.Malformed(description: "'\(text)': the number of \(what) is from 1 to \(most)")
    }
    return number
  }

  /// The method behind the slash.
  ///
  /// - Returns: the method, of any type that is registered.
  /// - Throws: what is wrong with its name, or that there are too many within each other.
  public func inner() throws(Method.Malformed) -> Method {
    guard depth < Self.mostNested else {
      throw Method.Malformed(
        description: "'\(text.prefix(60))': methods such as \(word)/ nest \(Self.mostNested) deep at most")
    }
    return try Method(MethodName(rest ?? "", depth: depth + 1))
  }
}
