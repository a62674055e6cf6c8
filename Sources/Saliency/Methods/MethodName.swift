/// A parsed name of a method: a word, an optional number after a colon, and an optional further name after a slash.
public struct MethodName {
  /// The whole name: `smooth:50/normgrad`.
  public let text: String
  /// Its first word: `smooth`.
  public let word: String
  /// The text after the first colon and before any slash: `50`; nil if there is none.
  public let numeral: String?
  /// The text after the first slash: `normgrad`; nil if there is none.
  public let rest: String?
  private let depth: Int

  /// The largest depth of methods inside methods. Each makes several maps of the method inside it, so that the numbers
  /// multiply.
  private static let mostNested = 3

  init(_ text: String, depth: Int = 0) {
    (self.text, self.depth) = (text, depth)
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    let head = parts[0].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    word = String(head[0])
    numeral = head.count > 1 ? String(head[1]) : nil
    rest = parts.count > 1 ? String(parts[1]) : nil
  }

  /// Parses the number after the colon.
  ///
  /// - Parameters:
  ///   - what: what the number counts, for the message: "samples".
  ///   - most: the largest number that is allowed.
  ///   - usual: the number if there is no colon.
  /// - Returns: the number, at least 1.
  /// - Throws: an error if it is not a number or out of range.
  public func number(of what: String, upTo most: Int, usually usual: Int) throws(Method.Malformed) -> Int {
    guard let numeral else { return usual }
    guard let number = Int(numeral), (1...most).contains(number) else {
      throw Method.Malformed(description: "'\(text)': the number of \(what) is from 1 to \(most)")
    }
    return number
  }

  /// Parses the name after the slash.
  ///
  /// - Returns: the method, of any registered type.
  /// - Throws: an error if the name is wrong or too many methods are nested.
  public func inner() throws(Method.Malformed) -> Method {
    guard depth < Self.mostNested else {
      throw Method.Malformed(
        description: "'\(text.prefix(60))': methods such as \(word)/ nest \(Self.mostNested) deep at most")
    }
    return try Method(MethodName(rest ?? "", depth: depth + 1))
  }
}
