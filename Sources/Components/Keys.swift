/// A section of a recipe: a value with defaults whose keys are named in one visit, which reads them, writes them and knows
/// which ones there are.
public protocol Section {
  /// The section with every key at its default.
  init()
  /// Names each key with the property that holds its value.
  mutating func visit(_ keys: Keys)
}

/// A section's keys while they are read or written.
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

  /// Problems found so far, where keys stand, and paths of inputs.
  public final class Report {
    /// What is wrong, in the order in which it was found.
    public var problems: [RecipeError.Problem] = []
    /// Where keys stand, by their dotted names.
    public var places: [String: Place] = [:]
    /// Paths of inputs.
    public var inputs: [String] = []
    /// Nothing found yet.
    public init() {}
  }

  /// Names a key that is read by others than the section, as what an unknown one may have been meant to be.
  public func mention(_ key: String) { knownElsewhere.append(key) }

  /// Reads a section; unknown keys and ill-typed values go into the report.
  ///
  /// - Parameters:
  ///   - type: what the section is read as.
  ///   - entry: what stands there.
  ///   - path: the section's dotted path.
  ///   - report: takes what is wrong.
  /// - Returns: the section, with defaults where nothing is stated or what is stated is wrong.
  public static func read<S: Section>(_ type: S.Type, _ entry: Entry, _ path: String, _ report: Report) -> S {
    read(S(), entry, path, report) { $0.visit($1) }
  }

  /// The same of a component's settings.
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

  /// A section with every key stated.
  ///
  /// - Parameter section: what is written.
  /// - Returns: its entry.
  public static func write<S: Section>(_ section: S) -> Entry {
    write {
      var copy = section; copy.visit($0)
    }
  }

  /// The same of a component's settings.
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

  /// An empty key stands for the section itself.
  private func name(_ key: String) -> String { [path, key].filter { !$0.isEmpty }.joined(separator: ".") }

  /// Visits a key. One that is not stated keeps its default, unless it is required.
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

  /// Reports something wrong with a key whose value was read. The key may lie deeper than this section's own.
  public func refuse(_ key: String, _ message: String) {
    guard case .reading(let section) = mode else { return }
    report.problems.append(.init(report.places.nearest(name(key)) ?? section.place, name(key), message))
  }
}

extension Keys {
  /// Refuses what stands in a list twice, under whatever names: it would be measured, and counted, twice.
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
  /// The place of a dotted key, or of the closest one above it that is stated.
  public func nearest(_ key: String) -> Place? {
    var parts = key.split(separator: ".")
    while !parts.isEmpty {
      if let place = self[parts.joined(separator: ".")] { return place }
      parts.removeLast()
    }
    return nil
  }
}
