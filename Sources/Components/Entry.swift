/// A value in a recipe, with its place in the file.
public struct Entry {
  /// The content of an entry.
  public indirect enum Content {
    /// A single value. `isText` is true if it is quoted, and then it is never a number.
    case scalar(String, isText: Bool)
    /// A list, in order: `[a, b]`.
    case list([Entry])
    /// A section, with its keys in the order of the file: `{ a: 1, b: 2 }`.
    case section([(key: String, value: Entry)])
    /// No value, for example a key at the end of a line.
    case empty
  }

  /// The entry's content.
  public var content: Content
  /// The entry's place in the file.
  public var place: Place

  /// Creates an entry. The default place is empty; it is for entries that are written and not read.
  public init(_ content: Content, place: Place = Place(source: "", line: nil)) {
    (self.content, self.place) = (content, place)
  }

  /// A description of the entry for messages, as in "expected a number, found …".
  public var found: String {
    switch content {
    case .scalar(let text, let isText): isText ? "'\(text)' in quotes" : "'\(text)'"
    case .list: "a list"
    case .section: "a section"
    case .empty: "nothing"
    }
  }

  /// The value of a key; nil if the key is missing or if the entry is not a section.
  public subscript(key: String) -> Entry? {
    guard case .section(let items) = content else { return nil }
    return items.first { $0.key == key }?.value
  }

  /// Whether an unquoted text means that there is no value.
  public static func isNothing(_ text: String) -> Bool { ["", "~", "null"].contains(text) }

  /// Resolves a path against the folder of the file `source`.
  public static func resolved(_ path: String, against source: String) -> String {
    Paths.joined(Paths.folder(of: source), Paths.expandingHome(path))
  }
}

extension Entry: Equatable {
  /// Whether two entries have the same content; their places are ignored.
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
