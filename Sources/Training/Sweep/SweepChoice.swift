import Foundation

extension Sweep {
  /// The runs that are made, of all of a sweep.
  public struct Choice {
    /// Patterns of points' names, as of files in a shell; nil for all points.
    public var points: [String]?
    /// The seeds; nil for all.
    public var seeds: [Int]?
    /// Whether runs of other recipes in the sweep's folders are replaced.
    public var replacesOthers = false

    /// All runs.
    public init() {}

    /// Whether a run is chosen.
    func includes(_ run: SweepRun, named point: String) -> Bool {
      (points?.contains { fnmatch($0, point, 0) == 0 } ?? true) && (seeds?.contains(run.seed) ?? true)
    }
  }
}
