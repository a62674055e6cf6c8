import Tensors

/// Tensors with names, in order: what a weight file holds.
public struct NamedTensors: Sendable {
  /// Names and tensors, in order; names are unique.
  public private(set) var entries: [(name: String, value: Tensor)] = []
  /// What else the file says of itself.
  public var metadata: [String: String]
  private var indices: [String: Int] = [:]

  /// The entries in order; of two with one name the later tensor counts.
  public init(_ entries: [(name: String, value: Tensor)] = [], metadata: [String: String] = [:]) {
    self.metadata = metadata
    for entry in entries { self[entry.name] = entry.value }
  }

  /// The names, in order.
  public var names: [String] { entries.map(\.name) }

  /// The tensor of that name; setting a new name appends it.
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
