import Components

/// Translates keys of earlier versions to their present names, so that old recipes and checkpoints stay readable. The
/// resolved recipe contains the present names.
enum FormerKeys {
  /// The former and the present name of a key, and the path of its section.
  private static let renamed: [(section: [String], former: String, present: String)] = [
    (["data", "normalization"], "deviation", "std"), (["evaluation"], "pictures", "figures"),
  ]

  /// Former keys of section `evaluation` that are settings of measures now.
  private static let settings: [(former: String, measures: [String], present: String)] = [
    ("pointing_tolerance", ["pointing_game"], "tolerance"), ("deletion_steps", ["insertion", "deletion"], "steps"),
    ("grid_side", ["grid_pointing"], "side"),
  ]

  /// The recipe with present keys. If both a former and a present key are stated, both are kept, and the former one is
  /// reported as unknown.
  static func replaced(in recipe: Entry) -> Entry {
    var recipe = recipe
    for (section, former, present) in renamed {
      recipe = recipe.changing(section) { entry in
        guard let value = entry[former], entry[present] == nil else { return entry }
        return entry.removing(former).adding(present, value)
      }
    }
    // `clip_norm: 5` is `clip: { norm: 5 }` now.
    recipe = recipe.changing(["optimizer"]) { optimizer in
      guard let limit = optimizer["clip_norm"], optimizer["clip"] == nil else { return optimizer }
      var clip = Entry(.section([("norm", limit)]), place: limit.place)
      if case .empty = limit.content { clip = limit }
      return optimizer.removing("clip_norm").adding("clip", clip)
    }
    for (former, measures, present) in settings {
      recipe = recipe.changing(["evaluation"]) { moved(former, to: measures, present, in: $0) }
    }
    return recipe
  }

  /// Moves a former key to a setting of those measures that are listed by name alone.
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
  /// The entry with `change` applied to the section at a path, if it exists.
  func changing(_ path: [String], _ change: (Entry) -> Entry) -> Entry {
    guard let key = path.first else { return change(self) }
    guard case .section(let items) = content else { return self }
    return Entry(
      .section(items.map { ($0.key, $0.key == key ? $0.value.changing(Array(path.dropFirst()), change) : $0.value) }),
      place: place)
  }

  func removing(_ key: String) -> Entry {
    guard case .section(let items) = content else { return self }
    return Entry(.section(items.filter { $0.key != key }), place: place)
  }

  fileprivate func adding(_ key: String, _ value: Entry) -> Entry {
    guard case .section(let items) = content else { return self }
    return Entry(.section(items + [(key, value)]), place: place)
  }
}
