import Components
import Formats
import Foundation
import Learning
import Saliency

extension Evaluation {
  /// A text report of one or several evaluations side by side: accuracy, and for each measure a table with a row for
  /// each method and layer and the means at the plain and at the virtual weights.
  ///
  /// - Parameters:
  ///   - results: the evaluations with their titles.
  ///   - width: the number of characters in a line; tables that need more are laid out in pieces below each other.
  /// - Returns: the report.
  public func report(_ results: [(title: String, result: Result)], width: Int = Terminal.usualColumns) -> String {
    let prose = min(width, Self.prose)
    let hasFive = results.contains { $0.result.topFiveAccuracy != nil }
    let hasSeveralLabels = results.contains { $0.result.meanAveragePrecision != nil }
    var summary = Table(
      ["", "accuracy"] + (hasFive ? ["top five"] : []) + (hasSeveralLabels ? ["mean AP", "binary CE"] : []) + [
        "cross-entropy", "images",
      ],
      leftAligned: 1)
    for (title, result) in results {
      let several = [
        result.meanAveragePrecision.map(percent) ?? "undefined", decimal(result.binaryCrossEntropy, 3),
      ]
      summary.add(
        [title, percent(result.accuracy)] + (hasFive ? [result.topFiveAccuracy.map(percent) ?? ""] : [])
          + (hasSeveralLabels ? several : [])
          + [decimal(result.crossEntropy, 3), String(result.images)])
    }
    let virtual = virtualRate.map { "Virtual: after one step of \($0) towards the class explained." }
    let sections = measures.map { measure in
      ([measure.fullExplanation.folded(to: prose), table(measure, results).text(width: width)]
        + (withoutValue(measure, results).map { [$0.folded(to: prose)] } ?? [])).joined(separator: "\n\n")
    }
    let legend =
      measures.isEmpty
      ? [] : [([Self.legend] + (virtual.map { [$0] } ?? [])).joined(separator: " ").folded(to: prose)]
    let notFinite = results.filter { $0.result.notFinite > 0 }.map {
      "\($0.title): the logits of \($0.result.notFinite) of \($0.result.images) images are infinite or not numbers; these count as wrong."
        .folded(to: prose)
    }
    return ([summary.text(width: width)] + notFinite + legend + sections).joined(separator: "\n\n")
  }

  /// The longest lines of sentences, which are harder to read than tables where they are long.
  private static let prose = 90

  private static let legend =
    "Means over images, ± std where there is room. Images without a value are counted with a question mark."

  /// The reasons why images have no value of a measure; nil if all have one.
  private func withoutValue(_ measure: any Measure, _ results: [(title: String, result: Result)]) -> String? {
    let lines = results.compactMap { title, result in
      Score(settings.flatMap { result.scores[measure.resultName]?[$0]?.values ?? [] }).undefinedSummary.map {
        "\(title): \($0)"
      }
    }
    return lines.isEmpty ? nil : "Without a value, over all maps of the table: \(lines.joined(separator: "; "))."
  }

  private func table(_ measure: any Measure, _ results: [(title: String, result: Result)]) -> Table {
    let groups = weights.flatMap { weights in results.map { (weights, $0.title, $0.result) } }
    let columns = measure.columns.filter { column in results.contains { column.isShown($0.result.items) } }
    var table = Table(
      ["method", "layer"] + groups.flatMap { ["\($0.0.rawValue), \($0.1)"] + columns.map(\.title) }, leftAligned: 2)
    func cells(_ score: Score?, _ result: Result) -> [String] {
      [cell(score, measure)]
        + columns.map { column in cell(score.map { column.score($0, result.items) }, measure) }
    }
    for method in methods {
      for layer in layers {
        table.add(
          [method.description, layer]
            + groups.flatMap { weights, _, result in
              let setting = Setting(method: method, layer: layer, weights: weights)
              return cells(result.scores[measure.resultName]?[setting], result)
            })
      }
    }
    for baseline in measure.baselines(at: layers) {
      table.add(
        ["(\(baseline.title))", baseline.layer ?? ""]
          + groups.flatMap { cells($0.2.baselines[measure.resultName]?[baseline.id], $0.2) })
    }
    return table
  }

  private func cell(_ score: Score?, _ measure: any Measure) -> String {
    guard let score, let mean = score.mean, let std = score.std else { return "undefined" }
    return (measure.isPercent ? percent(mean) : "\(decimal(mean, 3)) ± \(decimal(std, 3))") + missing(score)
  }

  private func missing(_ score: Score) -> String { score.undefined == 0 ? "" : " \(score.undefined)?" }

  /// The evaluation as a JSON object for `metrics.jsonl`.
  func event(_ result: Result) -> [String: Any] {
    var event: [String: Any] = [
      "accuracy": result.accuracy, "cross_entropy": finite(result.crossEntropy), "images": result.images,
    ]
    if result.notFinite > 0 { event["images_with_logits_not_finite"] = result.notFinite }
    if let goal { event["outer_loss"] = finite(result.outerLoss(goal)) }
    event["top_five_accuracy"] = result.topFiveAccuracy
    if let precision = result.meanAveragePrecision {
      event["mean_average_precision"] = precision
      event["binary_cross_entropy"] = finite(result.binaryCrossEntropy)
    }
    for measure in measures {
      event[measure.resultName] = settings.compactMap { setting -> [String: Any]? in
        guard let score = result.scores[measure.resultName]?[setting] else { return nil }
        var entry: [String: Any] = [
          "method": setting.method.description, "layer": setting.layer, "weights": setting.weights.rawValue,
          "images": score.values.count, "undefined": score.undefined,
        ]
        entry["mean"] = score.mean
        entry["std"] = score.std
        if let interval = score.interval { entry["interval"] = [interval.lowerBound, interval.upperBound] }
        if score.undefined > 0 { entry["reasons"] = score.reasons }
        for column in measure.columns where column.isShown(result.items) {
          entry[column.key] = column.score(score, result.items).mean
        }
        return entry
      }
      for baseline in measure.baselines(at: layers) {
        guard let mean = result.baselines[measure.resultName]?[baseline.id]?.mean else { continue }
        guard let layer = baseline.layer else {
          event[baseline.key] = mean
          continue
        }
        var byLayer = event[baseline.key] as? [String: Any] ?? [:]
        byLayer[layer] = mean
        event[baseline.key] = byLayer
      }
    }
    return event
  }

  /// The number or null, since JSON cannot represent infinities and NaN.
  private func finite(_ number: Double) -> Any { number.isFinite ? number : NSNull() }

  /// The evaluation as JSON text; infinite values and NaN become null.
  public func json(_ result: Result) throws -> Data {
    try JSONSerialization.data(
      withJSONObject: event(result).merging([Ownership.key: Ownership.name]) { $1 },
      options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
  }

  /// The evaluation as CSV, a row for each measure and setting.
  public func csv(_ result: Result) -> String {
    var lines = [Ownership.tableHead + "mean,std,low,high,images,undefined,reasons"]
    for measure in measures {
      for setting in settings {
        guard let score = result.scores[measure.resultName]?[setting] else { continue }
        let reasons = score.reasons.sorted { $0.key < $1.key }.map { "\($0.key) (\($0.value))" }.joined(separator: "; ")
        let numbers = [score.mean, score.std, score.interval?.lowerBound, score.interval?.upperBound]
        lines.append(
          ([measure.resultName, setting.method.description, setting.layer, setting.weights.rawValue]
            + numbers.map { $0.map { String($0) } ?? "" } + [
              String(score.values.count), String(score.undefined), reasons,
            ])
            .joined(separator: ","))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
