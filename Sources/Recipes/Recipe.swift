import Components
import Datasets
import Learning
import Networks
import Saliency

/// A training run, described: what a YAML recipe says.
public struct Recipe: Sendable, Section {
  /// The network to start from.
  public var model = Model()
  /// The images.
  public var data = Data()
  /// The virtual class update; nil where no objective needs one.
  public var inner: InnerUpdate?
  /// The maps that objectives compare.
  public var saliency = Maps()
  /// The outer loss: a weighted sum of objectives.
  public var outer: [WeightedObjective] = []
  /// How the parameters move.
  public var optimizer = Optimization()
  /// What is measured.
  public var evaluation = Evaluation()
  /// How long, from which seed, into which folder.
  public var run = Run()
  /// Where keys stand, by their dotted path.
  var places: [String: Place] = [:]
  /// Files that it was read from, and files and folders that it names.
  public private(set) var inputs: [String] = []

  /// A recipe of defaults, which states no model and no data.
  public init() {}

  public mutating func visit(_ keys: Keys) {
    keys("model", &model, .section(), isRequired: true)
    keys("data", &data, .section(), isRequired: true)
    keys("inner", &inner, .optional(.inner))
    keys("saliency", &saliency, .section(), isRequired: true)
    keys("outer", &outer, .list(.objective, atLeast: 1), isRequired: true)
    keys("optimizer", &optimizer, .section(), isRequired: true)
    keys("evaluation", &evaluation, .section())
    keys("run", &run, .section(), isRequired: true)
    keys.mention("extends")
    guard inner == nil else { return }
    for (i, term) in outer.enumerated() where term.objective.needs(maps(of: term)).usesVirtualWeights {
      keys.refuse("outer.\(i).at", "an objective at the virtual weights needs the section 'inner'")
    }
  }

  /// The method and the layers of the maps of a term of the outer loss.
  public func maps(of term: WeightedObjective) -> MapSettings {
    MapSettings(term.method ?? saliency.method, at: term.layers ?? saliency.layers)
  }

  /// Loads a recipe and those that it extends.
  ///
  /// - Parameters:
  ///   - path: the recipe's file.
  ///   - overrides: values that replace the recipe's, as `key=value` with a dotted key.
  /// - Returns: the recipe, with defaults where nothing is stated.
  /// - Throws: a `RecipeError` with everything that is wrong.
  public static func load(_ path: String, overrides: [String] = []) throws -> Recipe {
    let report = Keys.Report()
    var entry = try Entry.load(path)
    for flag in overrides {
      do { entry = try entry.setting(flag) } catch let error as RecipeError { report.problems += error.problems }
    }
    return try read(entry, report)
  }

  /// The recipe that a text holds, such as a checkpoint's, which extends no other.
  ///
  /// - Parameters:
  ///   - yaml: the recipe's text.
  ///   - source: where it comes from, for messages.
  /// - Returns: the recipe, with defaults where nothing is stated.
  /// - Throws: a `RecipeError` with everything that is wrong.
  public static func parse(_ yaml: String, source: String) throws -> Recipe {
    try read(try Entry(yaml: yaml, source), Keys.Report())
  }

  private static func read(_ entry: Entry, _ report: Keys.Report) throws -> Recipe {
    var recipe = Keys.read(Recipe.self, FormerKeys.replaced(in: entry), "", report)
    guard report.problems.isEmpty else { throw RecipeError(inOrder: report.problems) }
    recipe.places = report.places
    recipe.inputs = Set(report.places.values.filter { $0.line != nil }.map(\.source)).sorted() + report.inputs
    return recipe
  }

  /// An error about a key's value that shows itself only later, when the network or the data are at hand.
  public func problem(_ key: String, _ message: String) -> RecipeError {
    RecipeError([.init(places.nearest(key) ?? Place(source: "recipe", line: nil), key, message)])
  }

  /// The recipe with every value stated and paths from the root; loading it gives the same recipe.
  public var yaml: String { Keys.write(self).yaml }
}
