import Components

extension SweepFile {
  /// The values of one key of a grid.
  public struct Axis {
    /// The dotted key of recipes.
    public var key: String
    /// The values, at least one.
    public var values: [Entry]
  }

  /// A point that is stated: some values together, of a recipe of its own if it names one.
  public struct Listed {
    /// The point's name; nil for one made of the values.
    public var name: String?
    /// The recipe's path; nil for the sweep's.
    public var recipe: String?
    /// The paths of the recipes by which its runs are measured; nil for the sweep's.
    public var measure: [String]?
    /// The values.
    public var changes: [Recipe.Change] = []
  }

  /// Points that are drawn.
  public struct RandomSearch: Section {
    /// The number of points.
    public var samples = 1
    /// The seed of the draws.
    public var seed = 0
    /// The distributions of the keys.
    public var keys: [(key: String, distribution: any Distribution, place: Place)] = []

    /// A search without keys.
    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys("samples", &samples, .integer(1...SweepFile.mostRuns), isRequired: true)
      keys("seed", &seed, .integer(0...(.max)))
      keys("keys", &self.keys, .distributions, isRequired: true)
    }
  }

  /// Successive halving (Jamieson and Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter
  /// Optimization"): all points are trained shortly, the best ones longer, and so on. As in scikit-learn's
  /// `HalvingGridSearchCV` a longer run begins anew, so that schedules fit its length.
  public struct Halving: Section {
    /// The measure by which points survive.
    public var measure = MeasureReference("accuracy")
    /// The number of rounds.
    public var rungs = 3
    /// The factor between the lengths of two rungs, and between the numbers of their points.
    public var factor = 3

    /// Three rungs by accuracy.
    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys("measure", &measure, .measureReference, isRequired: true)
      keys("rungs", &rungs, .integer(2...10))
      keys("factor", &factor, .integer(2...10))
    }

    /// The number of points that go on from a rung of `count` points.
    public func survivors(of count: Int) -> Int { (count + factor - 1) / factor }

    /// The share of a full run that a run has in a rung, counted from 0.
    public func share(of rung: Int) -> Double {
      (0..<(rungs - 1 - rung)).reduce(1.0) { share, _ in share / Double(factor) }
    }
  }
}
