import Components
import Formats
import Foundation
import Recipes
import Saliency

/// A sweep file with the recipes of all its runs, checked.
public struct SweepPlan {
  /// The path of the sweep file.
  public let path: String
  /// The sweep file.
  public let file: SweepFile
  /// All runs that the sweep may make: rung by rung, point by point, seed by seed.
  public let runs: [SweepRun]
  /// Whether higher values of a measure are better, by the name of its results; nil if neither is.
  let directions: [String: Bool?]
  /// The measures of maps that may be measured, with those of the recipes last.
  private let measures: [any Measure]

  /// Loads a sweep file and all recipes that it names.
  ///
  /// - Parameter path: the sweep file.
  /// - Throws: a `RecipeError` with everything that is wrong in the sweep file and in the recipes of its points.
  public init(_ path: String) throws {
    self.path = path
    let file = try SweepFile.load(path)
    self.file = file
    var problems: [RecipeError.Problem] = []
    /// The problems of one recipe, each of which is often that of many points.
    func collecting<Value>(_ body: () throws -> Value) throws -> Value? {
      do { return try body() } catch let error as RecipeError {
        problems += error.problems.filter { !problems.contains($0) }
        return nil
      }
    }
    var measuring: [String: SweepMeasuring] = [:]
    for path in file.points.flatMap(\.measure) where measuring[path] == nil {
      measuring[path] = try collecting { try SweepMeasuring(path) }
    }
    var runs: [SweepRun] = []
    let rungs = file.halving.map { (0..<$0.rungs).map(Optional.some) } ?? [nil]
    for rung in rungs {
      for (index, point) in file.points.enumerated() {
        for seed in file.seeds {
          let name = "\(point.name)_seed=\(seed)" + (rung.map { "_rung=\($0)" } ?? "")
          let folder = RunFolder(file.output + "/" + name)
          let recipe = try collecting {
            try file.recipe(of: point, seed: seed, rung: rung, output: folder.path)
          }
          guard let recipe else { continue }
          runs.append(
            SweepRun(
              index: runs.count, point: index, seed: seed, rung: rung, name: name, recipe: recipe,
              measures: point.measure.compactMap { measuring[$0] }, folder: folder))
        }
      }
    }
    self.runs = runs
    let known =
      Registries.measures.all
      + (runs.map(\.recipe) + measuring.values.map(\.recipe))
      .flatMap(\.evaluation.measures)
    measures = known
    directions = Dictionary(
      MeasureReference.networkMeasures.map { ($0.name, Optional($0.isHigherBetter)) }
        + known.map { ($0.resultName, $0.isHigherBetter) }, uniquingKeysWith: { $1 })
    if problems.isEmpty { problems = misnamed() }
    guard problems.isEmpty else { throw RecipeError(inOrder: problems) }
  }

  /// The runs of a rung; all without halving.
  func runs(ofRung rung: Int?) -> [SweepRun] { runs.filter { $0.rung == rung } }

  /// The paths of files that the sweep writes beside its runs.
  var outputs: [String] { [page, csv, table, front] }
  /// The page.
  public var page: String { file.output + "/index.html" }
  /// The table for other programs.
  public var csv: String { file.output + "/table.csv" }
  /// The table to read.
  var table: String { file.output + "/table.txt" }
  /// The drawing of the Pareto front.
  var front: String { file.output + "/front.svg" }

  /// The explanation of a measure of maps by the name of its results; nil if it is not known.
  func explanation(of name: String) -> String? { measures.last { $0.resultName == name }?.fullExplanation }
}

extension SweepFile {
  /// The recipe of a run, with the folder, the seed and, in a rung, a shorter length.
  fileprivate func recipe(of point: SweepPoint, seed: Int, rung: Int?, output: String) throws -> Recipe {
    func set(_ key: String, _ text: String) -> Recipe.Change {
      Recipe.Change(key, Entry(.scalar(text, isText: false), place: Place(source: "sweep", line: nil)))
    }
    let own = point.changes(seed: seed) + [set("run.seed", String(seed)), set("run.output", output)]
    let recipe = try Recipe.load(point.recipe, changes: own)
    guard let halving, let rung else { return recipe }
    let share = halving.share(of: rung)
    let length =
      recipe.run.epochs.map { set("run.epochs", "\($0 * share)") }
      ?? set("run.steps", String(max(min(1, recipe.run.steps), Int((Double(recipe.run.steps) * share).rounded()))))
    return try Recipe.load(point.recipe, changes: own + [length])
  }
}
