import Formats
import Foundation

/// A value in a recipe, with the place where it stands.
struct Entry {
  indirect enum Content {
    /// `isText` where it is in quotes and so is no number, whatever it looks like.
    case scalar(String, isText: Bool)
    case list([Entry])
    case section([(key: String, value: Entry)])
    case empty
  }

  var content: Content
  var place: Place

  /// What it is, for messages.
  var found: String {
    switch content {
    case .scalar(let text, let isText): isText ? "'\(text)' in quotes" : "'\(text)'"
    case .list: "a list"
    case .section: "a section"
    case .empty: "nothing"
    }
  }

  subscript(key: String) -> Entry? {
    guard case .section(let items) = content else { return nil }
    return items.first { $0.key == key }?.value
  }
}

extension Entry {
  /// The recipe in a file, on top of the one that it extends.
  ///
  /// - Parameters:
  ///   - statement: where another recipe says that it extends this one.
  ///   - chain: the files of the recipes that extend this one.
  static func load(_ path: String, statedAt statement: Place? = nil, extending chain: [String] = []) throws -> Entry {
    func problem(_ message: String, isMissingFile: Bool = false) -> RecipeError {
      let place = Place(source: path, line: nil)
      let problem = statement.map { RecipeError.Problem($0, "extends", "\(path): \(message)") }
      return RecipeError([problem ?? .init(place, "", message)], isMissingFile: isMissingFile)
    }
    let identity = Files.place(of: path)
    guard !chain.contains(identity) else { throw problem("recipes that extend each other") }
    let bytes: Data
    do { bytes = try Files.read(path) } catch {
      throw error.kind == .missing ? problem("no such recipe", isMissingFile: true) : problem(error.message)
    }
    guard let text = String(data: bytes, encoding: .utf8) else { throw problem("not a text in UTF-8") }
    let own = try Entry(yaml: text, path)
    guard case .section(let items) = own.content else {
      throw RecipeError([.init(own.place, "", "expected sections such as 'model:' and 'data:', found \(own.found)")])
    }
    guard let extended = own["extends"] else { return own }
    guard case .scalar(let name, _) = extended.content else {
      throw RecipeError([.init(extended.place, "extends", "expected the path of a recipe, found \(extended.found)")])
    }
    let base = try load(resolved(name, against: path), statedAt: extended.place, extending: chain + [identity])
    return Entry(content: .section(items.filter { $0.key != "extends" }), place: own.place).laid(over: base)
  }

  /// Section by section, keys given here replace those of the base.
  private func laid(over base: Entry) -> Entry {
    guard case .section(let items) = content, case .section(var merged) = base.content else { return self }
    for (key, value) in items {
      guard let index = merged.firstIndex(where: { $0.key == key }) else {
        merged.append((key, value))
        continue
      }
      guard case .section(let own) = value.content, case .section(var section) = merged[index].value.content else {
        merged[index].value = value
        continue
      }
      section.removeAll { item in own.contains { $0.key == item.key } }
      merged[index].value = Entry(content: .section(section + own), place: value.place)
    }
    return Entry(content: .section(merged), place: place)
  }

  /// A path as the file `source` means it.
  static func resolved(_ path: String, against source: String) -> String {
    Paths.joined(Paths.folder(of: source), Files.expandingHome(path))
  }

  /// The entry with the value at a dotted path replaced: what `--set key=value` does.
  func setting(_ flag: String) throws -> Entry {
    let place = Place(source: "--set \(flag)", line: nil)
    guard let equals = flag.firstIndex(of: "="), equals != flag.startIndex else {
      throw RecipeError([.init(place, "", "expected key=value")])
    }
    let path = flag[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard path.first != "extends" else {
      throw RecipeError([.init(place, "", "only a recipe's file says what it extends")])
    }
    do {
      var value = try Entry(yaml: String(flag[flag.index(after: equals)...]), place.source)
      value.relocate(to: place)
      return try replacing(path[...], with: value)
    } catch let error as RecipeError {
      throw RecipeError(error.problems.map { .init(place, $0.key, $0.message) })
    }
  }

  private mutating func relocate(to place: Place) {
    self.place = place
    switch content {
    case .list(var items):
      for i in items.indices { items[i].relocate(to: place) }
      content = .list(items)
    case .section(var items):
      for i in items.indices { items[i].value.relocate(to: place) }
      content = .section(items)
    default: break
    }
  }

  private func replacing(_ path: ArraySlice<String>, with value: Entry) throws -> Entry {
    guard let key = path.first else { return value }
    var copy = self
    switch content {
    case .list(var items):
      guard let index = Int(key), items.indices.contains(index) else {
        throw RecipeError([.init(value.place, "", "'\(key)' is no index of a list of \(items.count)")])
      }
      items[index] = try items[index].replacing(path.dropFirst(), with: value)
      copy.content = .list(items)
    case .section(var items):
      if let index = items.firstIndex(where: { $0.key == key }) {
        items[index].value = try items[index].value.replacing(path.dropFirst(), with: value)
      } else {
        items.append((key, try Entry(content: .empty, place: value.place).replacing(path.dropFirst(), with: value)))
      }
      copy.content = .section(items)
    case .empty:
      copy.content = .section([
        (key, try Entry(content: .empty, place: value.place).replacing(path.dropFirst(), with: value))
      ])
    case .scalar:
      throw RecipeError([.init(value.place, "", "'\(key)' lies below \(found), which is no section")])
    }
    return copy
  }
}
