import Foundation
import Formats
import Recipes
import Saliency

/// What a run left in its folder, as far as it came.
struct RunRecord {
  /// The folder, and its name.
  let path, name: String
  let recipe: Recipe
  /// Values of each training step, by name.
  private(set) var steps: [(step: Int, values: [String: Double])] = []
  /// Evaluations in order, each the object that `metrics.jsonl` holds.
  private(set) var evaluations: [(step: Int, values: [String: Any])] = []
  /// What was changed in the recipe when the run went on after a step, as `key: old → new`.
  private(set) var changes: [(step: Int, values: [String])] = []
  /// Lines of `metrics.jsonl` that hold no event, such as one half-written when the run was killed.
  private(set) var damagedLines = 0
  /// PNG files of its pictures, in order.
  let pictures: [String]

  /// - Throws: a ``FileError`` if the folder holds no run.
  init(_ path: String) throws {
    let folder = RunFolder(path)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
      throw FileError(.missing, path, "no such run")
    }
    guard FileManager.default.fileExists(atPath: folder.recipe) else {
      throw FileError(.malformed, path, "no run of metasal's: there is no recipe.yaml in it")
    }
    self.path = path
    name = Paths.name(of: Paths.absolute(path))
    recipe = try Recipe.load(folder.recipe)
    pictures = folder.pictureFiles
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
        changes.append((step, values.sorted { $0.key < $1.key }.map { key, values in
          "\(key): " + values.map { $0 as? String ?? "–" }.joined(separator: " → ")
        }))
      }
    }
  }

  /// Whether the run came to its end.
  var isFinished: Bool { (steps.last?.step ?? 0) >= recipe.run.steps && !evaluations.isEmpty }

  /// What each step says of a value.
  func series(_ name: String) -> [Chart.Point] {
    steps.compactMap { step in step.values[name].map { Chart.Point(x: Double(step.step), y: $0) } }
  }

  /// What each evaluation says of a value of the network.
  func evaluated(_ name: String) -> [Chart.Point] {
    evaluations.compactMap { evaluation in
      (evaluation.values[name] as? NSNumber).map { Chart.Point(x: Double(evaluation.step), y: $0.doubleValue) }
    }
  }

  /// What each evaluation says of a measure of maps.
  func evaluated(_ measure: String, method: Method, layer: String, weights: String) -> [Chart.Point] {
    evaluations.compactMap { evaluation in
      Self.cell(evaluation.values, measure, method, layer, weights).flatMap { $0["mean"] as? Double }
        .map { Chart.Point(x: Double(evaluation.step), y: $0) }
    }
  }

  /// An evaluation's entry for one way of making maps, under whichever of the method's names it was written.
  static func cell(
    _ evaluation: [String: Any], _ measure: String, _ method: Method, _ layer: String, _ weights: String
  ) -> [String: Any]? {
    (evaluation[measure] as? [[String: Any]])?.first {
      $0["layer"] as? String == layer && $0["weights"] as? String == weights
        && ($0["method"] as? String).flatMap(Method.init) == method
    }
  }
}
