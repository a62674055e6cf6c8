import Components
import Formats
import Foundation
import Recipes

/// One run of a sweep: a point with a seed, in a rung if the sweep halves.
public struct SweepRun {
  /// The number of the run among all that the sweep may make, from 0.
  public let index: Int
  /// The index of its point, the seed, and the rung from 0; nil without halving.
  public let point: Int
  /// The seed.
  public let seed: Int
  /// The rung from 0; nil without halving.
  public let rung: Int?
  /// The name of its folder.
  public let name: String
  /// The recipe.
  public let recipe: Recipe
  /// The recipes by whose evaluation it is measured; empty if its own last evaluation counts.
  let measures: [SweepMeasuring]
  /// The run's folder.
  public let folder: RunFolder

  /// The recipe as the sweep planned it, which `metasal train` runs.
  var plan: String { folder.path + "/planned.yaml" }
  /// The file that says what is done; see ``SweepRecord``.
  var record: String { folder.path + "/result.json" }
  /// What the run's programs have said.
  var log: String { folder.path + "/log.txt" }
  /// The file into which an evaluation is written before it goes into the record.
  var evaluation: String { folder.path + "/evaluation.json" }

  /// What the sweep itself writes into the folder. The plan comes first, so that it is removed first: what is left after a
  /// kill is then a run of another recipe still.
  private var ownFiles: [String] { [plan, record, log, evaluation] }

  /// What is done of a run.
  public enum State {
    /// Nothing is there.
    case new
    /// It was planned, and may have made steps.
    case begun
    /// It is trained, and not all of its measures are there.
    case trained
    /// All is done.
    case finished
    /// The folder holds a run of another recipe; these are the values that differ, or it is not a run of a sweep.
    case other([String])
  }

  /// What is done of the run.
  ///
  /// - Throws: a `FileError` if a file cannot be read.
  public func state() throws -> State {
    guard FileIdentity(plan) != nil else {
      return folder.holdsRun ? .other(["it was not made by a sweep"]) : .new
    }
    guard Ownership.isOwn(plan) else { return .other(["somebody has changed its planned.yaml"]) }
    let text = String(decoding: try Files.read(plan), as: UTF8.self)
    let changes = recipe.changes(since: StoredRecipe(text, source: plan).recipe)
      .filter { !Recipe.keysWithoutEffect.contains($0.key) }
    guard changes.isEmpty else { return .other(changes.map { "\($0.key): \($0.old ?? "–") → \($0.new ?? "–")" }) }
    let record = SweepRecord(self.record)
    guard record.isTrained else { return .begun }
    return measures.allSatisfy { record.evaluations[$0.text] != nil } ? .finished : .trained
  }

  /// Throws a `FileError` if a file would be replaced that a sweep did not write.
  func requireReplaceable() throws { try Ownership.requireReplaceable(ownFiles, inputs: recipe.inputs) }

  /// Prepares the folder for the program that trains: writes the planned recipe, and removes an earlier run if it is of
  /// another recipe.
  ///
  /// - Parameter isReplaced: whether what is there is removed.
  /// - Throws: a `FileError` if the folder cannot be written to, or another process uses it.
  func prepare(isReplaced: Bool) throws {
    try Files.makeFolder(folder.path)
    try requireReplaceable()
    if isReplaced {
      for file in ownFiles { try Ownership.remove(file) }
      _ = try folder.prepare(.overwrite, inputs: recipe.inputs, logs: recipe.run.logs)
    }
    let text = Data(Ownership.marked(recipe.runnableYAML).utf8)
    if FileManager.default.contents(atPath: plan) != text { try Files.write(text, to: plan) }
    if FileIdentity(log) == nil { try Files.write(Data(Ownership.logHead.utf8), to: log) }
  }
}

/// A recipe by whose evaluation runs are measured.
struct SweepMeasuring {
  /// The recipe's path.
  let path: String
  /// The recipe.
  let recipe: Recipe

  /// The recipe with every value, by which a change of it is noticed.
  let text: String

  /// Loads the recipe at a path.
  init(_ path: String) throws {
    (self.path, recipe) = (path, try Recipe.load(path))
    text = recipe.yaml
  }
}
