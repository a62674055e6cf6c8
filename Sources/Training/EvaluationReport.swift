import Learning
import Saliency

extension Evaluation {
  /// One evaluation, or several beside each other, for people: accuracy, and a row for each method and layer with the mean
  /// and deviation of its class sensitivity at the plain and at the virtual weights.
  public func report(_ results: [(title: String, result: Result)]) -> String {
    var summary = Table(["", "accuracy", "cross-entropy", "images"], leftAligned: 1)
    for (title, result) in results {
      summary.add([title, percent(result.accuracy), decimal(result.crossEntropy, 3), String(result.images)])
    }
    guard !methods.isEmpty else { return summary.description }
    let kinds: [ClassSensitivity.Weights] = virtualRate == nil ? [.plain] : [.plain, .virtual]
    var table = Table(
      ["method", "layer"] + kinds.flatMap { kind in results.map { "\(kind.rawValue), \($0.title)" } }, leftAligned: 2)
    for method in methods {
      for layer in layers {
        let cells = kinds.flatMap { kind in
          results.map { cell($0.result.sensitivity[Setting(method: method, layer: layer, weights: kind)]) }
        }
        table.add([method.description, layer] + cells)
      }
    }
    let virtual = virtualRate.map { "Virtual: after one step of \($0) towards the class explained.\n" } ?? ""
    return """
      \(summary)

      Class sensitivity: the rank correlation between the maps for the most and the
      least likely class, mean ± deviation over images; lower is better. Images of
      which a map is constant have none; they are counted with a question mark.
      \(virtual)
      \(table)
      """
  }

  private func cell(_ score: ClassSensitivityScore?) -> String {
    guard let score, let mean = score.mean, let deviation = score.deviation else { return "undefined" }
    let undefined = score.undefined == 0 ? "" : " \(score.undefined)?"
    return "\(decimal(mean, 3)) ± \(decimal(deviation, 3))\(undefined)"
  }

  /// One evaluation for `metrics.jsonl`.
  func event(_ result: Result) -> [String: Any] {
    let sensitivity = settings.compactMap { setting -> [String: Any]? in
      guard let score = result.sensitivity[setting] else { return nil }
      var entry: [String: Any] = [
        "method": setting.method.description, "layer": setting.layer, "weights": setting.weights.rawValue,
        "images": score.correlations.count, "undefined": score.undefined,
      ]
      entry["mean"] = score.mean
      entry["deviation"] = score.deviation
      return entry
    }
    return [
      "accuracy": result.accuracy, "cross_entropy": result.crossEntropy, "images": result.images,
      "class_sensitivity": sensitivity,
    ]
  }
}
