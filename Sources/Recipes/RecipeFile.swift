import Components
import Formats
import Foundation

extension Entry {
  /// Loads a recipe and merges it with the recipe that it extends. `kind` is what the file should be and its first keys,
  /// for messages. `statement` is the place of the `extends` key that names this file, and `chain` lists the files that
  /// extend it, directly or indirectly.
  static func load(
    _ path: String, kind: (name: String, keys: String) = ("recipe", "sections such as 'model:' and 'data:'"),
    statedAt statement: Place? = nil, extending chain: [String] = []
  ) throws -> Entry {
    func problem(_ message: String, isMissingFile: Bool = false) -> RecipeError {
      let place = Place(source: path, line: nil)
      let problem = statement.map { RecipeError.Problem($0, "extends", "\(path): \(message)") }
      return RecipeError([problem ?? .init(place, "", message)], isMissingFile: isMissingFile)
    }
    let identity = Files.place(of: path)
    guard !chain.contains(identity) else { throw problem("\(kind.name)s that extend each other") }
    let bytes: Data
    do { bytes = try Files.read(path) } catch {
      throw error.kind == .missing ? problem("no such \(kind.name)", isMissingFile: true) : problem(error.message)
    }
    guard let text = String(data: bytes, encoding: .utf8) else { throw problem("not a text in UTF-8") }
    let own = try Entry(yaml: text, path)
    guard case .section(let items) = own.content else {
      throw RecipeError([.init(own.place, "", "expected \(kind.keys), found \(own.found)")])
    }
    guard let extended = own["extends"] else { return own }
    guard case .scalar(let name, _) = extended.content else {
      throw RecipeError([
        .init(extended.place, "extends", "expected the path of a \(kind.name), found \(extended.found)")
      ])
    }
    let base = try load(
      resolved(name, against: path), kind: kind, statedAt: extended.place, extending: chain + [identity])
    return Entry(.section(items.filter { $0.key != "extends" }), place: own.place).laid(over: base)
  }

  /// Merges this recipe into a base: section by section, its keys replace those of the base.
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
      merged[index].value = Entry(.section(section + own), place: value.place)
    }
    return Entry(.section(merged), place: place)
  }

  /// The entry with the value at a dotted path replaced, as `--set key=value` requests.
  func setting(_ flag: String) throws -> Entry {
    let place = Place(source: "--set \(flag)", line: nil)
    guard let equals = flag.firstIndex(of: "="), equals != flag.startIndex else {
      throw RecipeError([.init(place, "", "expected key=value")])
    }
    do {
      var value = try Entry(yaml: String(flag[flag.index(after: equals)...]), place.source)
      value.relocate(to: place)
      return try setting(String(flag[..<equals]), to: value)
    } catch let error as RecipeError {
      throw RecipeError(error.problems.map { .init(place, $0.key, $0.message) })
    }
  }

  /// The entry with the value at a dotted key replaced.
  func setting(_ key: String, to value: Entry) throws -> Entry {
    let path = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard path.first != "extends" else {
      throw RecipeError([.init(value.place, "", "only a recipe's file says what it extends")])
    }
    return try replacing(path[...], with: value)
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
        items.append((key, try Entry(.empty, place: value.place).replacing(path.dropFirst(), with: value)))
      }
      copy.content = .section(items)
    case .empty:
      copy.content = .section([
        (key, try Entry(.empty, place: value.place).replacing(path.dropFirst(), with: value))
      ])
    case .scalar:
      throw RecipeError([.init(value.place, "", "'\(key)' lies below \(found), which is no section")])
    }
    return copy
  }
}
