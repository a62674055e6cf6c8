import Components

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
