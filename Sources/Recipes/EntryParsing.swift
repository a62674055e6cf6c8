import Components
import Yams

extension Entry {
  /// The largest number of values in a recipe: aliases can expand a small text to a huge one.
  private static let valueLimit = 20_000
  /// The largest number of aliases: the parser hashes keys, and a key may itself consist of nested aliases.
  private static let aliasLimit = 16

  /// Parses a YAML text; an empty text gives an empty entry.
  init(yaml text: String, _ source: String) throws {
    func problem(_ line: Int?, _ message: String) -> RecipeError {
      RecipeError([.init(Place(source: source, line: line), "", message)])
    }
    func invalid(_ mark: Mark, _ message: String) -> RecipeError {
      problem(mark.line, "not YAML: \(message), at column \(mark.column)")
    }
    guard Self.aliases(in: text) <= Self.aliasLimit else { throw problem(nil, "more than \(Self.aliasLimit) aliases") }
    do {
      // The basic resolver does not detect types: the key of a value decides its type.
      let node = try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
      var budget = Self.valueLimit
      self =
        try node.map { try Self($0, source, &budget) } ?? Entry(.empty, place: Place(source: source, line: 1))
    } catch let error as YamlError {
      switch error {
      case .scanner(_, let message, let mark, _), .parser(_, let message, let mark, _),
        .composer(_, let message, let mark, _):
        throw invalid(mark, message)
      case .reader(let message, let offset, _, _):
        let line = text.utf8.prefix(offset ?? 0).count { $0 == UInt8(ascii: "\n") } + 1
        throw problem(line, "not YAML: \(message)")
      case .duplicatedKeysInMapping(let keys, let context):
        throw problem(context.mark.line, "stated twice: \(keys.joined(separator: ", "))")
      default: throw problem(nil, "not YAML: \(error)")
      }
    }
  }

  private init(_ node: Node, _ source: String, _ budget: inout Int) throws {
    let place = Place(source: source, line: node.mark?.line)
    func problem(_ message: String) -> RecipeError { RecipeError([.init(place, "", message)]) }
    self.init(.empty, place: place)
    budget -= 1
    guard budget > 0 else { throw problem("more than \(Self.valueLimit) values") }
    switch node {
    case .scalar(let scalar):
      // Quoted texts and block texts have the tag of a string.
      let isText = scalar.tag.rawValue == Tag.Name.str.rawValue
      guard isText || scalar.tag == .implicit else { throw problem("a tag, \(scalar.tag), that recipes don't know") }
      content = !isText && Self.isNothing(scalar.string) ? .empty : .scalar(scalar.string, isText: isText)
    case .sequence(let sequence):
      guard sequence.tag == .implicit else { throw problem("a tag, \(sequence.tag), that recipes don't know") }
      content = .list(try sequence.map { try Entry($0, source, &budget) })
    case .mapping(let mapping):
      guard mapping.tag == .implicit else { throw problem("a tag, \(mapping.tag), that recipes don't know") }
      content = .section(
        try mapping.map { key, value in
          guard let name = key.string else {
            throw RecipeError([.init(Place(source: source, line: key.mark?.line), "", "a key that is no word")])
          }
          var entry = try Entry(value, source, &budget)
          // YAML gives a section the line of its first key; messages should name the line of the section's own key.
          entry.place = Place(source: source, line: key.mark?.line)
          return (name, entry)
        })
    case .alias: throw problem("an alias to nothing")
    }
  }

  /// An upper bound on the number of aliases in a text: stars where a value may begin, including those in comments.
  private static func aliases(in text: String) -> Int {
    let bytes = Array(text.utf8)
    return bytes.indices.count { i in
      bytes[i] == UInt8(ascii: "*") && (i == 0 || " \t\r\n[{,".utf8.contains(bytes[i - 1]))
    }
  }
}
