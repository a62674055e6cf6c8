import Components
import Foundation
import Formats
import Recipes
import Saliency

/// The record of a run in its folder; the run may be unfinished.
struct RunRecord {
  /// The path of the folder, and its name.
  let path, name: String
  let recipe: Recipe
  /// The logged values of each training step, by name.
  private(set) var steps: [(step: Int, values: [String: Double])] = []
  /// The evaluations in order, each as the JSON object in `metrics.jsonl`.
  private(set) var evaluations: [(step: Int, values: [String: Any])] = []
  /// The changes of the recipe each time the run was resumed, as `key: old → new`.
  private(set) var changes: [(step: Int, values: [String])] = []
  /// The number of lines of `metrics.jsonl` that are not events, such as a partial line from a killed run.
  private(set) var damagedLines = 0
  /// The paths of its figures (PNG files), in order.
  let figures: [String]
  /// The paths of its logs.
  let logs: [String]

  /// Reads the record of a run.
  ///
  /// - Throws: a `FileError` if the folder does not contain a run.
  init(_ path: String) throws {
    let folder = RunFolder(path)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
      throw FileError(.missing, path, "no such run")
    }
    guard FileManager.default.fileExists(atPath: folder.recipe) else {
      throw FileError(.malformed, path, "no run of metasal's: there is no recipe.yaml in it")
    }
    // The report displays the recipe, so a link to another file is refused; runs of metasal contain no links.
    try Files.requireFile(folder.recipe, inside: path)
    self.path = path
    name = Paths.name(of: Paths.absolute(path))
    recipe = try Recipe.load(folder.recipe)
    figures = folder.figureFiles
    logs = folder.logs.filter { FileManager.default.fileExists(atPath: $0) }
    guard FileManager.default.fileExists(atPath: folder.metrics) else { return }
    for line in try Files.read(folder.metrics, inside: path).split(separator: 0x0a) {
      guard let event = try? JSONSerialization.jsonObject(with: line) as? [String: Any],
        let step = event["step"] as? Int, let kind = event["event"] as? String
      else {
        damagedLines += 1
        continue
      }
      if kind == "step" {
        steps.append((step, event.compactMapValues { ($0 as? NSNumber)?.doubleValue }))
      } else if kind == "evaluation" {
        evaluations.append((step, event))
      } else if kind == "recipe", let values = event["changes"] as? [String: [Any]] {
        changes.append(
          (
            step,
            values.sorted { $0.key < $1.key }.map { key, values in
              "\(key): " + values.map { $0 as? String ?? "–" }.joined(separator: " → ")
            }
          ))
      }
    }
  }

  /// Whether the run has finished.
  var isFinished: Bool { (steps.last?.step ?? 0) >= recipe.run.steps && !evaluations.isEmpty }

  /// The curve of a value logged in each step.
  func series(_ name: String) -> [Chart.Point] {
    steps.compactMap { step in step.values[name].map { Chart.Point(x: Double(step.step), y: $0) } }
  }

  /// The curve of a network's value over the evaluations.
  func evaluated(_ name: String) -> [Chart.Point] {
    evaluations.compactMap { evaluation in
      (evaluation.values[name] as? NSNumber).map { Chart.Point(x: Double(evaluation.step), y: $0.doubleValue) }
    }
  }

  /// The curve of a measure's mean over the evaluations.
  func evaluated(_ measure: String, method: Method, layer: String, weights: String) -> [Chart.Point] {
    evaluations.compactMap { evaluation in
      Self.cell(evaluation.values, measure, method, layer, weights).flatMap { $0["mean"] as? Double }
        .map { Chart.Point(x: Double(evaluation.step), y: $0) }
    }
  }

  /// The entry of an evaluation for a method, layer and kind of weights; the method may be written under any of its
  /// names.
  static func cell(
    _ evaluation: [String: Any], _ measure: String, _ method: Method, _ layer: String, _ weights: String
  ) -> [String: Any]? {
    (evaluation[measure] as? [[String: Any]])?.first {
      $0["layer"] as? String == layer && $0["weights"] as? String == weights
        && ($0["method"] as? String).flatMap(Method.init) == method
    }
  }
}
