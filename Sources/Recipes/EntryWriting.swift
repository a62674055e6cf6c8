import Yams

extension Entry {
  /// The entry as YAML: sections as blocks, lists of plain values on one line.
  var yaml: String {
    // Serializing fails only for what no entry can hold; an empty text then makes the loss plain.
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

  private var isSection: Bool { if case .section = content { true } else { false } }
}
