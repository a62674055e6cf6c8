import Components

/// A recipe that is stored beside weights. It may have been written by an older version, so some of its keys and values
/// may no longer be valid; those are reported and replaced by defaults.
public struct StoredRecipe: Sendable {
  /// The recipe, with defaults for values that are not stated or not valid.
  public let recipe: Recipe
  /// The problems with values that are not valid.
  public let problems: [RecipeError.Problem]
  /// The stored values and the values that were read from them, by dotted key.
  private let stated, read: [String: String]

  /// Reads the text of a stored recipe. `source` is its origin, for messages.
  public init(_ yaml: String, source: String) {
    let report = Keys.Report()
    func byKey(_ values: [(key: String, value: String)]) -> [String: String] { Dictionary(values) { $1 } }
    do {
      let entry = FormerKeys.replaced(in: try Entry(yaml: yaml, source))
      recipe = Keys.read(Recipe.self, entry, "", report)
      problems = report.problems
      (stated, read) = (byKey(entry.flattened(below: "")), byKey(recipe.flattened))
    } catch {
      (recipe, stated, read) = (Recipe(), [:], [:])
      problems = (error as? RecipeError)?.problems ?? [.init(Place(source: source, line: nil), "", "\(error)")]
    }
  }

  /// The problems that leave the value of a dotted key unknown: with the key itself, with a part of it, or with a
  /// section that contains it.
  public func problems(with key: String) -> [RecipeError.Problem] {
    problems.filter { problem in
      problem.key.isEmpty || problem.key == key || problem.key.hasPrefix(key + ".") || key.hasPrefix(problem.key + ".")
    }
  }
  /// Whether ``recipe`` has the stored value for a dotted key. If a part of a schedule, a data set or a list of
  /// objectives is not valid, the whole of it is replaced by a default, so more keys are unknown than have problems.
  public func isKnown(_ key: String) -> Bool {
    guard !problems.isEmpty else { return true }
    guard problems(with: key).isEmpty else { return false }
    if let stated = stated[key] { return stated == read[key] }
    func section(_ key: String) -> [Substring] { Array(key.split(separator: ".").prefix(2)) }
    return read[key] == nil || !problems.contains { section($0.key) == section(key) }
  }
}
