/// A value in a recipe, with the place where it stands.
public struct Entry {
  /// What it is.
  public indirect enum Content {
    /// `isText` where it is in quotes and so is no number, whatever it looks like.
    case scalar(String, isText: Bool)
    /// Values in order: `[a, b]`.
    case list([Entry])
    /// Values by their keys, in the order in which they stand: `{ a: 1, b: 2 }`.
    case section([(key: String, value: Entry)])
    /// Nothing, as after a key whose line ends there.
    case empty
  }

  /// What it is.
  public var content: Content
  /// Where it stands.
  public var place: Place

  /// A value; of one that is written, not read, there is no place.
  public init(_ content: Content, place: Place = Place(source: "", line: nil)) {
    (self.content, self.place) = (content, place)
  }

  /// What it is, for messages.
  public var found: String {
    switch content {
    case .scalar(let text, let isText): isText ? "'\(text)' in quotes" : "'\(text)'"
    case .list: "a list"
    case .section: "a section"
    case .empty: "nothing"
    }
  }

  /// The value of a section's key; nil if it has none, or is no section.
  public subscript(key: String) -> Entry? {
    guard case .section(let items) = content else { return nil }
    return items.first { $0.key == key }?.value
  }

  /// Whether a text that is not in quotes states nothing.
  public static func isNothing(_ text: String) -> Bool { ["", "~", "null"].contains(text) }

  /// A path as the file `source` means it.
  public static func resolved(_ path: String, against source: String) -> String {
    Paths.joined(Paths.folder(of: source), Paths.expandingHome(path))
  }
}

extension Entry: Equatable {
  /// Whether two say the same, wherever they stand.
  public static func == (a: Entry, b: Entry) -> Bool {
    switch (a.content, b.content) {
    case (.scalar(let a, let isText), .scalar(let b, let other)): a == b && isText == other
    case (.list(let a), .list(let b)): a == b
    case (.section(let a), .section(let b)):
      a.map(\.key) == b.map(\.key) && zip(a, b).allSatisfy { $0.value == $1.value }
    case (.empty, .empty): true
    default: false
    }
  }
}
