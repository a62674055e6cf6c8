import Formats
import Foundation

/// What a sweep notes in the folder of a run, as `result.json`: that it is trained, and its evaluations.
struct SweepRecord {
  /// Whether training has ended.
  private(set) var isTrained = false
  /// The evaluations as JSON objects, by the recipe that they were made by, with every value. The run's own last evaluation
  /// has an empty text.
  private(set) var evaluations: [String: [String: Any]] = [:]

  /// Reads the record at a path. Without one, or with one that is damaged, nothing is done yet.
  init(_ path: String) {
    guard let data = FileManager.default.contents(atPath: path),
      let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
      let stored = object["evaluations"] as? [[String: Any]]
    else { return }
    isTrained = true
    for one in stored {
      if let recipe = one["recipe"] as? String, let values = one["values"] as? [String: Any] {
        evaluations[recipe] = values
      }
    }
  }

  /// A record of a run that has just been trained.
  init(trained evaluation: [String: Any]) { (isTrained, evaluations) = (true, ["": evaluation]) }

  /// Adds an evaluation by a recipe.
  mutating func add(_ values: [String: Any], by recipe: String) { evaluations[recipe] = values }

  /// Writes the record. Evaluations by recipes that are not among `kept` are left out.
  func write(to path: String, keeping kept: [String]) throws {
    let stored = evaluations.filter { $0.key.isEmpty || kept.contains($0.key) }.sorted { $0.key < $1.key }
      .map { ["recipe": $0.key, "values": $0.value] as [String: Any] }
    try Files.write(
      try JSONSerialization.data(
        withJSONObject: [Ownership.key: Ownership.name, "evaluations": stored],
        options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]), to: path)
  }
}
