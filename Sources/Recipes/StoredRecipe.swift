import Components

/// A recipe that is kept beside weights, and may be older than today's keys and ranges: what of it still holds.
public struct StoredRecipe: Sendable {
  /// With the defaults of what is not stated or not taken.
  public let recipe: Recipe
  /// What is not taken.
  public let problems: [RecipeError.Problem]
  /// What is stated and what was read, by dotted keys.
  private let stated, read: [String: String]

  /// The recipe of a text that was stored in a file. `source` says where it comes from, for messages.
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

  /// The problems by which the value of a dotted key is not known: with it, with part of it, or with what it is part of.
  public func problems(with key: String) -> [RecipeError.Problem] {
    problems.filter { problem in
      problem.key.isEmpty || problem.key == key || problem.key.hasPrefix(key + ".") || key.hasPrefix(problem.key + ".")
    }
  }
  /// Whether ``recipe`` has for a dotted key what was stored. Of a schedule, a data set or a list of objectives of which
  /// something is not taken nothing is kept, so that more than what is refused may be a default.
  public func isKnown(_ key: String) -> Bool {
    guard !problems.isEmpty else { return true }
    guard problems(with: key).isEmpty else { return false }
    if let stated = stated[key] { return stated == read[key] }
    func section(_ key: String) -> [Substring] { Array(key.split(separator: ".").prefix(2)) }
    return read[key] == nil || !problems.contains { section($0.key) == section(key) }
  }
}
