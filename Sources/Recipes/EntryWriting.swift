import Components
import Yams

extension Entry {
  /// The entry as YAML: sections as blocks, lists of plain values on one line.
  var yaml: String {
    // Serializing fails only for values that an entry cannot hold; an empty text would make the loss obvious.
    (try? Yams.serialize(node: node, width: -1, allowUnicode: true)) ?? ""
  }

  private var node: Node {
    switch content {
    case .empty: Node("~")
    case .scalar(let text, let isText): Node(text, Tag(.implicit), isText ? .doubleQuoted : .any)
    case .list(let items):
      Node(items.map(\.node), Tag(.implicit), items.contains { $0.isSection } ? .block : .flow)
    case .section(let items):
      Node(items.map { (Node($0.key), $0.value.node) }, Tag(.implicit), .block)
    }
  }

  /// All values in the entry as texts, by their dotted keys, in order.
  func flattened(below path: String) -> [(key: String, value: String)] {
    func below(_ items: [(String, Entry)]) -> [(key: String, value: String)] {
      items.flatMap { $1.flattened(below: path.isEmpty ? $0 : "\(path).\($0)") }
    }
    switch content {
    case .empty: return [(path, "~")]
    case .scalar(let text, _): return [(path, text)]
    case .section(let items): return below(items.map { ($0.key, $0.value) })
    case .list(let items):
      let texts = items.compactMap { item -> String? in
        if case .scalar(let text, _) = item.content { text } else { nil }
      }
      if texts.count == items.count { return [(path, texts.joined(separator: ", "))] }
      return below(items.enumerated().map { (String($0), $1) })
    }
  }

  private var isSection: Bool { if case .section = content { true } else { false } }
}

extension Recipe {
  /// All values as texts, by their dotted keys, in order.
  public var flattened: [(key: String, value: String)] { Keys.write(self).flattened(below: "") }

  /// The values that differ from those of an earlier recipe, by their dotted keys; a value is nil if one of the recipes
  /// does not have the key.
  public func changes(since earlier: Recipe) -> [(key: String, old: String?, new: String?)] {
    let (old, new) = (earlier.flattened, flattened)
    func value(_ key: String, _ values: [(key: String, value: String)]) -> String? {
      values.first { $0.key == key }?.value
    }
    let keys = new.map(\.key) + old.map(\.key).filter { value($0, new) == nil }
    return keys.map { ($0, value($0, old), value($0, new)) }.filter { $0.1 != $0.2 }
  }

  /// The keys that do not affect any number that a run produces.
  public static let keysWithoutEffect: Set = [
    "data.workers", "data.cache", "run.checkpoint_every", "run.output", "run.workers", "run.logs",
  ]
}
