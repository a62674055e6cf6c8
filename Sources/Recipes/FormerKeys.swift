import Components

/// Keys under which earlier versions knew what has another name or another place now, so that recipes and checkpoints of
/// theirs stay readable. The resolved recipe has the names of today.
enum FormerKeys {
  /// The former and the present key, in their sections.
  private static let renamed: [(section: [String], former: String, present: String)] = [
    (["data", "normalization"], "deviation", "std"), (["evaluation"], "pictures", "figures"),
  ]

  /// Keys of section `evaluation` that are settings of measures now.
  private static let settings: [(former: String, measures: [String], present: String)] = [
    ("pointing_tolerance", ["pointing_game"], "tolerance"), ("deletion_steps", ["insertion", "deletion"], "steps"),
    ("grid_side", ["grid_pointing"], "side"),
  ]

  /// A recipe with today's keys. Where a former and a present key are both stated, both stay, and the former is unknown.
  static func replaced(in recipe: Entry) -> Entry {
    var recipe = recipe
    for (section, former, present) in renamed {
      recipe = recipe.changing(section) { entry in
        guard let value = entry[former], entry[present] == nil else { return entry }
        return entry.removing(former).adding(present, value)
      }
    }
    for (former, measures, present) in settings {
      recipe = recipe.changing(["evaluation"]) { moved(former, to: measures, present, in: $0) }
    }
    return recipe
  }

  /// A key of a section as a setting of those of its measures that are named alone.
  private static func moved(_ former: String, to measures: [String], _ present: String, in evaluation: Entry) -> Entry {
    guard let value = evaluation[former] else { return evaluation }
    let evaluation = evaluation.removing(former)
    guard let stated = evaluation["measures"] else { return evaluation }
    return evaluation.removing("measures").adding("measures", with(value))

    func with(_ value: Entry) -> Entry {
      func item(_ item: Entry) -> Entry {
        guard case .scalar(let name, _) = item.content, measures.contains(name) else { return item }
        return Entry(.section([(name, Entry(.section([(present, value)]), place: value.place))]), place: item.place)
      }
      guard case .list(let items) = stated.content else { return item(stated) }
      return Entry(.list(items.map(item)), place: stated.place)
    }
  }
}

extension Entry {
  /// The entry with what `change` makes of one of its sections, if it has it.
  fileprivate func changing(_ path: [String], _ change: (Entry) -> Entry) -> Entry {
    guard let key = path.first else { return change(self) }
    guard case .section(let items) = content else { return self }
    return Entry(
      .section(items.map { ($0.key, $0.key == key ? $0.value.changing(Array(path.dropFirst()), change) : $0.value) }),
      place: place)
  }

  fileprivate func removing(_ key: String) -> Entry {
    guard case .section(let items) = content else { return self }
    return Entry(.section(items.filter { $0.key != key }), place: place)
  }

  fileprivate func adding(_ key: String, _ value: Entry) -> Entry {
    guard case .section(let items) = content else { return self }
    return Entry(.section(items + [(key, value)]), place: place)
  }
}
