/// A section of a recipe. One visit of its keys serves to read them, to write them, and to know which keys exist.
public protocol Section {
  /// Creates the section with every key at its default.
  init()
  /// Connects each key with the property that holds its value.
  mutating func visit(_ keys: Keys)
}

/// The keys of a section while it is read or written.
public final class Keys {
  private enum Mode {
    case reading(Entry)
    case writing
  }

  private let mode: Mode
  /// The section's dotted path.
  public let path: String
  let report: Report
  private var known: [String] = []
  private var knownElsewhere: [String] = []
  private(set) var written: [(key: String, value: Entry)] = []

  private init(_ mode: Mode, _ path: String, _ report: Report) {
    (self.mode, self.path, self.report) = (mode, path, report)
  }

  /// The results of reading a recipe: problems, the places of keys, and the paths of inputs.
  public final class Report {
    /// The problems, in the order in which they were found.
    public var problems: [RecipeError.Problem] = []
    /// The places of keys, by their dotted names.
    public var places: [String: Place] = [:]
    /// The paths of inputs.
    public var inputs: [String] = []
    /// Creates an empty report.
    public init() {}
  }

  /// Adds a key that other code reads to the suggestions for unknown keys.
  public func mention(_ key: String) { knownElsewhere.append(key) }

  /// Reads a section. Unknown keys and values of the wrong type are added to the report.
  ///
  /// - Parameters:
  ///   - type: the section's type.
  ///   - entry: the entry to read.
  ///   - path: the section's dotted path.
  ///   - report: receives the problems.
  /// - Returns: the section, with defaults for keys that are missing or wrong.
  public static func read<S: Section>(_ type: S.Type, _ entry: Entry, _ path: String, _ report: Report) -> S {
    read(S(), entry, path, report) { $0.visit($1) }
  }

  /// Reads a component's settings from a section. Unknown keys and values of the wrong type are added to the report.
  public static func read<C: Component>(_ component: C, _ entry: Entry, _ path: String, _ report: Report) -> C {
    read(component, entry, path, report) { $0.visit($1) }
  }

  private static func read<Value>(
    _ defaults: Value, _ entry: Entry, _ path: String, _ report: Report, _ visit: (inout Value, Keys) -> Void
  ) -> Value {
    var value = defaults
    guard case .section(let items) = entry.content else {
      report.problems.append(.init(entry.place, path, "expected a section of keys, found \(entry.found)"))
      return value
    }
    let keys = Keys(.reading(entry), path, report)
    visit(&value, keys)
    for (key, stated) in items where !keys.known.contains(key) {
      let names = keys.known + keys.knownElsewhere
      let suggestion = nearest(to: key, among: names).map { "did you mean '\($0)'?" }
      let hint = suggestion ?? (names.isEmpty ? "there are none" : "known are \(names.joined(separator: ", "))")
      report.problems.append(.init(stated.place, keys.name(key), "unknown key; \(hint)"))
    }
    return value
  }

  /// Writes a section with every key.
  ///
  /// - Parameter section: the section to write.
  /// - Returns: the entry.
  public static func write<S: Section>(_ section: S) -> Entry {
    write {
      var copy = section; copy.visit($0)
    }
  }

  /// Writes a component's settings with every key.
  static func write(_ component: some Component) -> Entry {
    write {
      var copy = component; copy.visit($0)
    }
  }

  private static func write(_ visit: (Keys) -> Void) -> Entry {
    let keys = Keys(.writing, "", Report())
    visit(keys)
    return Entry(.section(keys.written))
  }

  /// The dotted name of a key in this section; an empty key means the section itself.
  private func name(_ key: String) -> String { [path, key].filter { !$0.isEmpty }.joined(separator: ".") }

  /// Visits a key. A key that is missing keeps its default; it is a problem if it is required.
  public func callAsFunction<Value>(
    _ key: String, _ value: inout Value, _ codec: Codec<Value>, isRequired: Bool = false
  ) {
    known.append(key)
    switch mode {
    case .writing: if let entry = codec.write(value) { written.append((key, entry)) }
    case .reading(let section):
      guard let entry = section[key] else {
        if isRequired { report.problems.append(.init(section.place, name(key), "missing")) }
        return
      }
      report.places[name(key)] = entry.place
      if let read = codec.read(entry, name(key), report) { value = read }
    }
  }

  /// Reports a problem with the value of a key. The key may also lie in a nested section.
  public func refuse(_ key: String, _ message: String) {
    guard case .reading(let section) = mode else { return }
    report.problems.append(.init(report.places.nearest(name(key)) ?? section.place, name(key), message))
  }
}

extension Keys {
  /// Reports items that occur twice in a list, possibly under different names. They would be measured and counted
  /// twice.
  public func requireDistinct<Item: Hashable & CustomStringConvertible>(_ key: String, _ items: [Item]) {
    var seen = Set<Item>()
    for item in items {
      let (isNew, other) = seen.insert(item)
      guard !isNew else { continue }
      refuse(
        key, "'\(item)' \("\(item)" == "\(other)" ? "stands there twice" : "is '\(other)', which stands there too")")
    }
  }
}

extension [String: Place] {
  /// The place of a dotted key; if it is not stated, that of the closest section around it that is.
  public func nearest(_ key: String) -> Place? {
    var parts = key.split(separator: ".")
    while !parts.isEmpty {
      if let place = self[parts.joined(separator: ".")] { return place }
      parts.removeLast()
    }
    return nil
  }
}
