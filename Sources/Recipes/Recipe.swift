import Components
import Datasets
import Learning
import Networks
import Saliency

/// The description of a training run: the contents of a YAML recipe.
public struct Recipe: Sendable, Section {
  /// The network to start from.
  public var model = Model()
  /// The data sets and how images are preprocessed.
  public var data = Data()
  /// The virtual class update; nil if no objective needs one.
  public var inner: InnerUpdate?
  /// The saliency maps that objectives compare.
  public var saliency = Maps()
  /// The outer loss: a weighted sum of objectives.
  public var outer: [WeightedObjective] = []
  /// The optimizer and the learning rate.
  public var optimizer = Optimization()
  /// The measures and the images on which they are computed.
  public var evaluation = Evaluation()
  /// The number of steps, the seed, the output folder and other settings of the run.
  public var run = Run()
  /// The place of each key in the recipe's files, by dotted key.
  var places: [String: Place] = [:]
  /// The files from which the recipe was read, and the files and folders that it names.
  public private(set) var inputs: [String] = []

  /// A recipe with defaults, without a model and data.
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
    let virtual = outer.indices.filter { outer[$0].objective.needs(maps(of: outer[$0])).usesVirtualWeights }
    if inner == nil {
      for index in virtual {
        keys.refuse("outer.\(index).at", "an objective at the virtual weights needs the section 'inner'")
      }
    }
    if inner?.learnedRates != nil && virtual.isEmpty {
      keys.refuse("inner.learned_rates", "no objective is at the virtual weights, so that no rate would be learned")
    }
  }

  /// The number of images of one update: those of all its batches.
  public var imagesPerUpdate: Int { data.batch * optimizer.accumulate }

  /// Whether the recipe states the measures of its evaluation, or they are not the default ones.
  public var statesMeasures: Bool {
    places["evaluation.measures"] != nil
      || !(evaluation.measures.count == 1 && evaluation.measures[0] is ClassSensitivityMeasure)
  }

  /// The method and the layers of the maps of a term of the outer loss.
  public func maps(of term: WeightedObjective) -> MapSettings {
    MapSettings(term.method ?? saliency.method, at: term.layers ?? saliency.layers)
  }

  /// Loads a recipe and the recipes that it extends.
  ///
  /// - Parameters:
  ///   - path: the recipe's file.
  ///   - overrides: values that replace the recipe's, in the form `key=value` with a dotted key.
  /// - Returns: the recipe, with defaults for everything that is not stated.
  /// - Throws: a `RecipeError` with everything that is wrong.
  public static func load(_ path: String, overrides: [String] = []) throws -> Recipe {
    try load(path) { entry, report in
      for flag in overrides {
        do { entry = try entry.setting(flag) } catch let error as RecipeError { report.problems += error.problems }
      }
    }
  }

  /// Loads a recipe and the recipes that it extends, and replaces values by others that have a place of their own.
  ///
  /// - Parameters:
  ///   - path: the recipe's file.
  ///   - changes: the values that replace the recipe's, by dotted key.
  /// - Returns: the recipe, with defaults for everything that is not stated.
  /// - Throws: a `RecipeError` with everything that is wrong.
  public static func load(_ path: String, changes: [Change]) throws -> Recipe {
    try load(path) { entry, report in
      for change in changes {
        do { entry = try entry.setting(change.key, to: change.value) } catch let error as RecipeError {
          report.problems += error.problems.map { .init($0.place, change.key, $0.message) }
        }
      }
    }
  }

  private static func load(_ path: String, _ change: (inout Entry, Keys.Report) throws -> Void) throws -> Recipe {
    let report = Keys.Report()
    var entry = try Entry.load(path)
    try change(&entry, report)
    return try read(entry, report)
  }

  /// A value that replaces one of a recipe.
  public struct Change {
    /// The dotted key.
    public var key: String
    /// The value, with its place.
    public var value: Entry

    /// Creates a change.
    public init(_ key: String, _ value: Entry) { (self.key, self.value) = (key, value) }
  }

  /// Parses a recipe that extends no other, such as the one in a checkpoint.
  ///
  /// - Parameters:
  ///   - yaml: the text of the recipe.
  ///   - source: the origin of the text, for messages.
  /// - Returns: the recipe, with defaults for everything that is not stated.
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

  /// An error about the value of a key that is found only later, when the network or the data are loaded.
  public func problem(_ key: String, _ message: String) -> RecipeError {
    RecipeError([.init(places.nearest(key) ?? Place(source: "recipe", line: nil), key, message)])
  }

  /// The recipe as YAML with every value stated and absolute paths; loading it gives the same recipe.
  public var yaml: String { Keys.write(self).yaml }

  /// The recipe as in ``yaml``, except that measures which it does not state are left out, since a run then chooses them
  /// by its objectives. Loading it gives a recipe that runs like this one.
  public var runnableYAML: String {
    let entry = Keys.write(self)
    return (statesMeasures ? entry : entry.changing(["evaluation"]) { $0.removing("measures") }).yaml
  }
}
