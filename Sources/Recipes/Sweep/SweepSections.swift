import Components

extension SweepFile {
  /// The values of one key of a grid.
  public struct Axis {
    /// The dotted key of recipes.
    public var key: String
    /// The values, at least one.
    public var values: [Entry]
  }

  /// A point that is stated: some values together, of a recipe of its own if it names one.
  public struct Listed {
    /// The point's name; nil for one made of the values.
    public var name: String?
    /// The recipe's path; nil for the sweep's.
    public var recipe: String?
    /// The paths of the recipes by which its runs are measured; nil for the sweep's.
    public var measure: [String]?
    /// The values.
    public var changes: [Recipe.Change] = []
  }

  /// Points that are drawn.
  public struct RandomSearch: Section {
    /// The number of points.
    public var samples = 1
    /// The seed of the draws.
    public var seed = 0
    /// The distributions of the keys.
    public var keys: [(key: String, distribution: any Distribution, place: Place)] = []

    /// A search without keys.
    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys("samples", &samples, .integer(1...SweepFile.mostRuns), isRequired: true)
      keys("seed", &seed, .integer(0...(.max)))
      keys("keys", &self.keys, .distributions, isRequired: true)
    }
  }

  /// Successive halving (Jamieson and Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter
  /// Optimization"): all points are trained shortly, the best ones longer, and so on. As in scikit-learn's
  /// `HalvingGridSearchCV` a longer run begins anew, so that schedules fit its length.
  public struct Halving: Section {
    /// The measure by which points survive.
    public var measure = MeasureReference("accuracy")
    /// The number of rounds.
    public var rungs = 3
    /// The factor between the lengths of two rungs, and between the numbers of their points.
    public var factor = 3

    /// Three rungs by accuracy.
    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys("measure", &measure, .measureReference, isRequired: true)
      keys("rungs", &rungs, .integer(2...10))
      keys("factor", &factor, .integer(2...10))
    }

    /// The number of points that go on from a rung of `count` points.
    public func survivors(of count: Int) -> Int { (count + factor - 1) / factor }

    /// The share of a full run that a run has in a rung, counted from 0.
    public func share(of rung: Int) -> Double {
      (0..<(rungs - 1 - rung)).reduce(1.0) { share, _ in share / Double(factor) }
    }
  }
}

// MARK: - Codecs

extension Codec<[Recipe.Change]> {
  /// A section whose keys are dotted keys of recipes.
  static var changes: Codec {
    Codec(
      read: { entry, key, report in
        entry.items(key, report)?.map { name, value in
          report.places["\(key).\(name)"] = value.place
          return Recipe.Change(name, value)
        }
      }, write: { Entry(.section($0.map { ($0.key, $0.value) })) })
  }
}

extension Codec<[SweepFile.Axis]> {
  static var axes: Codec {
    Codec(
      read: { entry, key, report in
        entry.items(key, report)?.compactMap { name, value in
          report.places["\(key).\(name)"] = value.place
          guard case .list(let values) = value.content, !values.isEmpty else {
            report.problems.append(
              .init(value.place, "\(key).\(name)", "expected a list of values, found \(value.found)"))
            return nil
          }
          for (index, one) in values.enumerated() where values[..<index].contains(one) {
            report.problems.append(.init(one.place, "\(key).\(name)", "'\(one.label)' stands there twice"))
          }
          return SweepFile.Axis(key: name, values: values)
        }
      }, write: { Entry(.section($0.map { ($0.key, Entry(.list($0.values))) })) })
  }
}

/// The keys of a stated point that are not those of its recipe.
private struct ListedSection: Section {
  var point = SweepFile.Listed()

  mutating func visit(_ keys: Keys) {
    keys("name", &point.name, .optional(.pointName))
    keys("recipe", &point.recipe, .optional(.inputPath))
    keys("measure", &point.measure, .optional(.list(.inputPath)))
  }
}

extension Codec<SweepFile.Listed> {
  /// A section in which `name`, `recipe` and `measure` are the point's, and all other keys those of its recipe.
  static var listed: Codec {
    let own = ["name", "recipe", "measure"]
    return Codec(
      read: { entry, key, report in
        report.places[key] = entry.place
        guard let items = entry.items(key, report) else { return nil }
        let stated = Entry(.section(items.filter { own.contains($0.key) }), place: entry.place)
        let others = Entry(.section(items.filter { !own.contains($0.key) }), place: entry.place)
        var point = Keys.read(ListedSection.self, stated, key, report).point
        point.changes = Codec<[Recipe.Change]>.changes.read(others, key, report) ?? []
        return point
      },
      write: { point in
        let stated = Keys.write(ListedSection(point: point))
        guard case .section(let items) = stated.content else { return stated }
        return Entry(.section(items + point.changes.map { ($0.key, $0.value) }))
      })
  }
}

extension Codec<[(key: String, distribution: any Distribution, place: Place)]> {
  static var distributions: Codec {
    let one = Codec<any Distribution>.component(Registries.distributions)
    return Codec(
      read: { entry, key, report in
        entry.items(key, report)?.compactMap { name, value in
          report.places["\(key).\(name)"] = value.place
          return one.read(value, "\(key).\(name)", report).map { (name, $0, value.place) }
        }
      },
      write: { keys in
        Entry(.section(keys.compactMap { item in one.write(item.distribution).map { (item.key, $0) } }))
      })
  }
}

extension Codec<String> {
  /// The name of a point, which is a part of a folder's name.
  static var pointName: Codec {
    scalar(
      "a name of letters, digits and . _ - + @ that begins with a letter or digit",
      { text in
        guard let first = text.first, first.isLetter || first.isNumber, text.utf8.count <= 100 else { return nil }
        return text.allSatisfy { $0.isLetter || $0.isNumber || "._-+@".contains($0) } ? text : nil
      }, { $0 })
  }
}

extension Entry {
  /// The items of a section; nil after a problem was reported.
  fileprivate func items(_ key: String, _ report: Keys.Report) -> [(key: String, value: Entry)]? {
    if case .section(let items) = content { return items }
    report.problems.append(.init(place, key, "expected a section of keys, found \(found)"))
    return nil
  }

  /// The value as a part of a name.
  var label: String {
    switch content {
    case .empty: "none"
    case .scalar(let text, _): text
    case .list(let items): items.map(\.label).joined(separator: "+")
    case .section(let items): items.map { "\($0.key)=\($0.value.label)" }.joined(separator: "+")
    }
  }
}
