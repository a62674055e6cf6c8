/// A recipe that is kept beside weights, and may be older than today's keys and ranges: what of it still holds.
public struct StoredRecipe: Sendable {
  /// With the defaults of what is not stated or not taken.
  public let recipe: Recipe
  /// What is not taken.
  public let problems: [RecipeError.Problem]

  /// - Parameter source: where it comes from, for messages.
  public init(_ yaml: String, source: String) {
    let report = Keys.Report()
    do {
      recipe = Keys.read(Recipe.self, try Entry(yaml: yaml, source), "", report)
      problems = report.problems
    } catch {
      recipe = Recipe()
      problems = (error as? RecipeError)?.problems ?? [.init(Place(source: source, line: nil), "", "\(error)")]
    }
  }

  /// The problems by which the value of a dotted key is not known: with it, with part of it, or with what it is part of.
  public func problems(with key: String) -> [RecipeError.Problem] {
    problems.filter { problem in
      problem.key.isEmpty || problem.key == key || problem.key.hasPrefix(key + ".") || key.hasPrefix(problem.key + ".")
    }
  }
}
