import Foundation

/// Collects the tensors in a pickle's dictionaries and modules, at any depth, with the path of keys that leads to each.
struct PickledWeights {
  /// The source of a tensor's elements.
  enum Content {
    case view(PickleTensor)
    /// The index of a placeholder that stands for a tensor of another kind, such as a NumPy array.
    case object(Int)
  }

  private(set) var tensors: [(place: String, name: String, content: Content)] = []
  /// The numbers and texts in the outermost dictionary.
  private(set) var metadata: [String: String] = [:]
  /// Placeholders and tensors without names, by the path that leads to them.
  private(set) var placeholders: [(place: String, type: String)] = []

  /// A container that is still to be searched.
  private struct Visit {
    let value: PickleValue
    let place: String
    /// The prefix of parameter names inside a module; nil outside of modules.
    var module: String?
    let depth: Int
  }

  private let pickled: Pickled
  private let file: String
  /// The containers that are still to be searched, used as a stack.
  private var open: [Visit] = []
  private var seenContainers: Set<Int> = []
  private var seenObjects: Set<Int> = []
  private var letters = 0

  /// The largest total length of all names in bytes: a hostile file could repeat a few long names until they fill the
  /// memory.
  private static let mostLetters = 1 << 28
  private static let mostPlaceholders = 1000
  /// Containers nested more deeply than this are not searched.
  private static let greatestDepth = 100

  /// Searches the value of a pickle.
  ///
  /// - Throws: a ``FileError`` if the names are too long in total.
  init(_ pickled: Pickled, file: String) throws {
    (self.pickled, self.file) = (pickled, file)
    open = [Visit(value: pickled.value, place: "", depth: 0)]
    for (key, value) in pickled.entries(pickled.value) ?? [] {
      guard let key = key.string else { continue }
      metadata[key] = Self.text(value)
    }
    // Each container is searched only once, at its first occurrence, so cycles end.
    while let next = open.popLast() {
      guard next.depth <= Self.greatestDepth else { continue }
      switch next.value {
      case .dictionary(let index):
        guard seenContainers.insert(index).inserted else { continue }
        try lookInto(pickled.entries(next.value) ?? [], next)
      case .list(let index), .tuple(let index):
        guard seenContainers.insert(index).inserted else { continue }
        try lookInto(list: pickled.containers[index], next)
      case .object(let index):
        guard seenObjects.insert(index).inserted else { continue }
        try lookInto(pickled.objects[index], next)
      default: break
      }
    }
  }

  private static func text(_ value: PickleValue) -> String? {
    switch value {
    case .int(let value): String(value)
    case .float(let value): String(value)
    case .string(let value): value
    case .bool(let value): String(value)
    default: nil
    }
  }

  private mutating func joined(_ place: String, _ key: String) throws -> String {
    letters += place.utf8.count + key.utf8.count + 1
    guard letters <= Self.mostLetters else {
      throw FileError(.malformed, file, "names of more than \(Self.mostLetters) bytes altogether")
    }
    return place.isEmpty ? key : place + "." + key
  }

  private mutating func lookInto(_ entries: [(key: PickleValue, value: PickleValue)], _ visit: Visit) throws {
    var inner: [Visit] = []
    for (key, value) in entries {
      let name: String
      switch key {
      case .string(let text): name = text
      case .int(let number): name = String(number)
      default: continue
      }
      if let content = content(value) {
        letters += name.utf8.count
        tensors.append((visit.place, name, content))
      } else if isContainer(value) {
        inner.append(Visit(value: value, place: try joined(visit.place, name), depth: visit.depth + 1))
      } else if case .global(let type) = value {
        note(try joined(visit.place, name), type)
      }
    }
    open += inner.reversed()
  }

  private mutating func lookInto(list items: [PickleValue], _ visit: Visit) throws {
    let count = items.count { content($0) != nil }
    if count > 0 { note(visit.place, "\(count) tensors without names") }
    var inner: [Visit] = []
    for (index, item) in items.enumerated() where content(item) == nil && isContainer(item) {
      inner.append(Visit(value: item, place: try joined(visit.place, String(index)), depth: visit.depth + 1))
    }
    open += inner.reversed()
  }

  private mutating func lookInto(_ object: PickleObject, _ visit: Visit) throws {
    if visit.module == nil { note(visit.place, object.type) }
    if let parts = parts(of: object) { return try lookInto(parts, visit) }
    try lookInto(pickled.entries(visit.value) ?? [], visit)
    // The state holds the attributes: a dictionary or, for classes with slots, a pair whose second item is the
    // dictionary.
    let state = object.state ?? PickleValue.none
    for value in (object.arguments + (pickled.items(state) ?? [state])).reversed() {
      guard content(value) == nil, isContainer(value) else { continue }
      open.append(Visit(value: value, place: visit.place, depth: visit.depth + 1))
    }
    try lookInto(list: object.items, visit)
  }

  // MARK: Modules that were saved whole

  /// The parameters, buffers and submodules of a module by name; nil if the object is not a module.
  private func parts(of object: PickleObject) -> [(name: String, value: PickleValue)]? {
    guard let state = object.state else { return nil }
    func named(_ value: PickleValue) -> [(name: String, value: PickleValue)] {
      (pickled.entries(value) ?? []).compactMap { entry in entry.key.string.map { ($0, entry.value) } }
    }
    // TorchScript keeps all of them in one dictionary.
    if object.type.hasPrefix("__torch__.") { return named(state) }
    guard let parameters = pickled.value(of: "_parameters", in: state),
      let modules = pickled.value(of: "_modules", in: state)
    else { return nil }
    var unsaved: Set<String> = []
    if case .object(let index)? = pickled.value(of: "_non_persistent_buffers_set", in: state) {
      let set = pickled.objects[index]
      unsaved = Set((set.items + set.arguments.flatMap { pickled.items($0) ?? [] }).compactMap(\.string))
    }
    let buffers = pickled.value(of: "_buffers", in: state).map(named) ?? []
    return named(parameters) + buffers.filter { !unsaved.contains($0.name) } + named(modules)
  }

  private mutating func lookInto(_ parts: [(name: String, value: PickleValue)], _ visit: Visit) throws {
    var inner: [Visit] = []
    for (name, value) in parts {
      let full = try joined(visit.module ?? "", name)
      if let content = content(value) {
        tensors.append((visit.place, full, content))
      } else if case .object = value {
        inner.append(Visit(value: value, place: visit.place, module: full, depth: visit.depth + 1))
      }
    }
    open += inner.reversed()
  }

  // MARK: Kinds of values

  private func isContainer(_ value: PickleValue) -> Bool {
    switch value {
    case .dictionary, .list, .tuple, .object: true
    default: false
    }
  }

  private func content(_ value: PickleValue) -> Content? {
    switch value {
    case .tensor(let tensor): return .view(tensor)
    case .object(let index):
      let type = pickled.objects[index].type
      return PickledArray.isOne(type) || type.contains("_rebuild") || type.hasSuffix("Tensor") ? .object(index) : nil
    default: return nil
    }
  }

  private mutating func note(_ place: String, _ type: String) {
    if placeholders.count < Self.mostPlaceholders { placeholders.append((place, type)) }
  }
}
