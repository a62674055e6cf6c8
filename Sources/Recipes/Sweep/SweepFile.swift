import Components

/// The description of a sweep, which is many runs of recipes: the contents of a YAML file.
public struct SweepFile: Section {
  /// The path of the recipe of all points that name no other.
  public var recipe: String?
  /// The folder of the sweep, relative to the current folder.
  public var output = ""
  /// Values for every run.
  public var changes: [Recipe.Change] = []
  /// The seeds; each point is run once with each of them.
  public var seeds = [0]
  /// The values of which all combinations are points.
  public var grid: [Axis] = []
  /// Points that are stated; each is combined with the grid and the random points.
  public var list: [Listed] = []
  /// Points that are drawn; each is combined with the grid.
  public var random: RandomSearch?
  /// The number of runs at the same time, which share the processors.
  public var atOnce = 1
  /// Successive halving; nil to train all points to the end.
  public var halving: Halving?
  /// The paths of the recipes by whose evaluation a finished run is measured; if there are none, the run's own last
  /// evaluation counts.
  public var measure: [String] = []
  /// The two or three measures of which the Pareto front is drawn; none to draw no front.
  public var pareto: [MeasureReference] = []
  /// The measures in the main table; nil for some of those that there are.
  public var columns: [MeasureReference]?
  /// The name of the point with which others are compared.
  public var baseline: String?
  /// The points, in order.
  public private(set) var points: [SweepPoint] = []
  /// The places of the keys in the file.
  private var places: [String: Place] = [:]

  /// The largest number of runs.
  public static let mostRuns = 10_000

  /// A sweep of nothing.
  public init() {}

  public mutating func visit(_ keys: Keys) {
    keys("recipe", &recipe, .optional(.inputPath))
    keys("output", &output, .outputPath, isRequired: true)
    keys("set", &changes, .changes)
    keys("seeds", &seeds, .list(.integer(0...(.max)), atLeast: 1))
    keys("grid", &grid, .axes)
    keys("list", &list, .list(.listed))
    keys("random", &random, .optional(.section()))
    keys("at_once", &atOnce, .integer(1...1024))
    keys("halving", &halving, .optional(.section()))
    keys("measure", &measure, .list(.inputPath))
    keys("pareto", &pareto, .list(.measureReference))
    keys("columns", &columns, .optional(.list(.measureReference, atLeast: 1)))
    keys("baseline", &baseline, .optional(.word))
    keys.mention("extends")
    keys.requireDistinct("seeds", seeds)
    keys.requireDistinct("measure", measure)
    keys.requireDistinct("pareto", pareto)
    keys.requireDistinct("columns", columns ?? [])
    if !pareto.isEmpty && !(2...3).contains(pareto.count) {
      keys.refuse("pareto", "expected two or three measures, found \(pareto.count)")
    }
    requireKeys(keys)
  }

  /// Loads a sweep file and those that it extends.
  ///
  /// - Parameter path: the file.
  /// - Returns: the sweep with its points, whose recipes are not read yet.
  /// - Throws: a `RecipeError` with everything that is wrong.
  public static func load(_ path: String) throws -> SweepFile {
    let report = Keys.Report()
    let entry = try Entry.load(path, kind: ("sweep file", "keys such as 'recipe:' and 'grid:'"))
    var sweep = Keys.read(SweepFile.self, entry, "", report)
    guard report.problems.isEmpty else { throw RecipeError(inOrder: report.problems) }
    sweep.places = report.places
    sweep.points = try sweep.expanded()
    return sweep
  }

  /// An error about the value of a key that is found only later.
  public func problem(_ key: String, _ message: String) -> RecipeError.Problem {
    .init(places.nearest(key) ?? Place(source: "sweep", line: nil), key, message)
  }

  /// Reports keys that a sweep sets itself, and keys that are varied twice.
  private func requireKeys(_ keys: Keys) {
    let varied = grid.map { ("grid", $0.key) } + (random?.keys ?? []).map { ("random.keys", $0.key) }
    let listed = list.enumerated().flatMap { index, point in point.changes.map { ("list.\(index)", $0.key) } }
    let all = changes.map { ("set", $0.key) } + varied + listed
    for (section, key) in all {
      if key == "run.seed" { keys.refuse("\(section).\(key)", "a sweep's seeds stand in its 'seeds'") }
      if key == "run.output" {
        keys.refuse("\(section).\(key)", "a sweep names the folders itself, below its 'output'")
      }
    }
    for (index, (section, key)) in varied.enumerated() {
      let others = varied[..<index] + listed + changes.map { ("set", $0.key) }
      if let other = others.first(where: { $0.1 == key }) {
        keys.refuse("\(section).\(key)", "\(other.0.split(separator: ".").first ?? "") states this key, too")
      }
    }
  }
}
