import Components
import Tensors

/// A point of a sweep: a recipe and the values that make it differ from the others. It is run with several seeds.
public struct SweepPoint {
  /// The name, which no other point has; it can be a part of a file's name.
  public let name: String
  /// The path of the recipe.
  public let recipe: String
  /// The paths of the recipes by whose evaluation its runs are measured.
  public let measure: [String]
  /// All values that replace the recipe's; a later one counts.
  public let changes: [Recipe.Change]

  /// The values for a seed: `{seed}` in a text is replaced by it.
  public func changes(seed: Int) -> [Recipe.Change] {
    changes.map { .init($0.key, $0.value.replacing("{seed}", with: String(seed))) }
  }
}

extension SweepFile {
  /// All combinations of the list, the grid and the random points.
  ///
  /// - Throws: a `RecipeError` if there are too many of them, if two have the same name, or if a recipe is missing.
  func expanded() throws -> [SweepPoint] {
    let drawn = try samples()
    let listed = list.isEmpty ? [Listed()] : list
    let count = ([listed.count, drawn.count, seeds.count] + grid.map(\.values.count)).reduce(1.0) { $0 * Double($1) }
    guard count <= Double(Self.mostRuns) else {
      let key = grid.isEmpty ? "seeds" : "grid"
      throw RecipeError([problem(key, "more than \(Self.mostRuns) runs: \(String(format: "%.0f", count))")])
    }
    let combinations = grid.reduce([[Recipe.Change]]()) { made, axis in
      let made = made.isEmpty ? [[]] : made
      return made.flatMap { made in axis.values.map { made + [Recipe.Change(axis.key, $0)] } }
    }
    let names = KeyNames(grid.map(\.key) + list.flatMap { $0.changes.map(\.key) } + (random?.keys.map(\.key) ?? []))
    var (points, problems): ([SweepPoint], [RecipeError.Problem]) = ([], [])
    for (index, own) in listed.enumerated() {
      guard let recipe = own.recipe ?? recipe else {
        problems.append(problem(list.isEmpty ? "recipe" : "list.\(index)", "missing: the path of a recipe"))
        continue
      }
      for combination in combinations.isEmpty ? [[]] : combinations {
        for sample in drawn {
          let shown = (own.name == nil ? own.changes : []) + combination + sample
          let head = own.name ?? (own.recipe == nil && !shown.isEmpty ? nil : Paths.stem(of: recipe))
          let name = ((head.map { [$0] } ?? []) + shown.map { "\(names[$0.key])=\($0.value.label)" })
          let text = name.joined(separator: "_").asPointName(points.count)
          if points.contains(where: { $0.name == text }) {
            problems.append(
              problem("list.\(index)", "two points are called '\(text)'; give the points of 'list' names"))
          }
          points.append(
            SweepPoint(
              name: text, recipe: recipe, measure: own.measure ?? measure,
              changes: changes + own.changes + combination + sample))
        }
      }
    }
    if let baseline, !points.contains(where: { $0.name == baseline }), problems.isEmpty {
      let hint = nearest(to: baseline, among: points.map(\.name)).map { "; did you mean '\($0)'?" } ?? ""
      problems.append(problem("baseline", "no point is called '\(baseline)'\(hint)"))
    }
    guard problems.isEmpty else { throw RecipeError(inOrder: problems) }
    return points
  }

  /// The random points, all different; a single one without values if there is no random search. A key's draws depend on
  /// the seed, the key and the number of the draw alone, so that more samples or keys leave the others as they are.
  private func samples() throws -> [[Recipe.Change]] {
    guard let random else { return [[]] }
    var (drawn, seen): ([[Recipe.Change]], Set<[String]>) = ([], [])
    for attempt in 0..<(100 * random.samples) where drawn.count < random.samples {
      let values = random.keys.map { key, distribution, _ in
        var source = RandomSource(seed: UInt64(random.seed), purpose: "sweep \(key)", attempt)
        return distribution.draw(using: &source)
      }
      guard seen.insert(values).inserted else { continue }
      drawn.append(
        zip(random.keys, values).map { .init($0.key, Entry(.scalar($1, isText: false), place: $0.place)) })
    }
    guard drawn.count == random.samples else {
      throw RecipeError([
        problem("random.samples", "expected no more samples than there are different ones, \(drawn.count)")
      ])
    }
    return drawn
  }
}

/// Short names of keys: the last parts of each, as many as make it different from all others.
private struct KeyNames {
  private let keys: [String]

  init(_ keys: [String]) { self.keys = Set(keys).sorted() }

  subscript(key: String) -> String {
    let parts = key.split(separator: ".", omittingEmptySubsequences: false)
    for count in 1...parts.count {
      let name = parts.suffix(count).joined(separator: ".")
      if keys.allSatisfy({ $0 == key || !("." + $0).hasSuffix("." + name) }) { return name }
    }
    return key
  }
}

extension String {
  /// The text as a file's name of limited length. A long one ends with the point's number.
  fileprivate func asPointName(_ number: Int) -> String {
    let safe = String(map { $0.isLetter || $0.isNumber || "._-+@=".contains($0) ? $0 : "-" })
    guard safe.utf8.count > 120 else { return safe }
    var kept = safe
    while kept.utf8.count > 110 { kept.removeLast() }
    return "\(kept)-\(number)"
  }
}

extension Entry {
  /// The entry with a text replaced in all of its scalars.
  func replacing(_ text: String, with other: String) -> Entry {
    var copy = self
    switch content {
    case .empty: break
    case .scalar(let value, let isText):
      copy.content = .scalar(value.replacing(text, with: other), isText: isText)
    case .list(let items): copy.content = .list(items.map { $0.replacing(text, with: other) })
    case .section(let items):
      copy.content = .section(items.map { ($0.key, $0.value.replacing(text, with: other)) })
    }
    return copy
  }
}
