import Tensors

/// An ordered dictionary of tensors: the contents of a weight file.
public struct NamedTensors: Sendable {
  /// The names and tensors in order; names are unique.
  public private(set) var entries: [(name: String, value: Tensor)] = []
  /// The text metadata of the file.
  public var metadata: [String: String]
  private var indices: [String: Int] = [:]

  /// Tensors in the given order; if two have the same name, the later one replaces the earlier.
  public init(_ entries: [(name: String, value: Tensor)] = [], metadata: [String: String] = [:]) {
    self.metadata = metadata
    for entry in entries { self[entry.name] = entry.value }
  }

  /// The names, in order.
  public var names: [String] { entries.map(\.name) }

  /// The tensor with this name; setting a new name appends it, and setting nil removes it.
  public subscript(name: String) -> Tensor? {
    get { indices[name].map { entries[$0].value } }
    set {
      switch (indices[name], newValue) {
      case (let index?, let value?): entries[index].value = value
      case (nil, let value?):
        indices[name] = entries.count
        entries.append((name, value))
      case (let index?, nil):
        entries.remove(at: index)
        indices = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
      case (nil, nil): break
      }
    }
  }
}
