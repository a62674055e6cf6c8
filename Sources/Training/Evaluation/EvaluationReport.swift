import Components
import Formats
import Foundation
import Learning
import Saliency

extension Evaluation {
  /// One evaluation, or several beside each other, for people: accuracy, and for each measure a row for each method and
  /// layer, with the mean at the plain and at the virtual weights.
  public func report(_ results: [(title: String, result: Result)]) -> String {
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
      ([measure.explanation.folded(to: 90), table(measure, results).description]
        + (withoutValue(measure, results).map { [$0.folded(to: 90)] } ?? [])).joined(separator: "\n\n")
    }
    let legend =
      measures.isEmpty
      ? [] : [([Self.legend] + (virtual.map { [$0] } ?? [])).joined(separator: " ").folded(to: 90)]
    let notFinite = results.filter { $0.result.notFinite > 0 }.map {
      "\($0.title): the logits of \($0.result.notFinite) of \($0.result.images) images are infinite or not numbers; these count as wrong."
        .folded(to: 90)
    }
    return ([summary.description] + notFinite + legend + sections).joined(separator: "\n\n")
  }

  private static let legend =
    "Means over images, ± std where there is room. Images without a value are counted with a question mark."

  /// Why images have no value of a measure; nil if all have one.
  private func withoutValue(_ measure: Measure, _ results: [(title: String, result: Result)]) -> String? {
    let lines = results.compactMap { title, result in
      Score(settings.flatMap { result.scores[measure]?[$0]?.values ?? [] }).undefinedSummary.map { "\(title): \($0)" }
    }
    return lines.isEmpty ? nil : "Without a value, over all maps of the table: \(lines.joined(separator: "; "))."
  }

  private func table(_ measure: Measure, _ results: [(title: String, result: Result)]) -> Table {
    let columns = weights.flatMap { weights in results.map { (weights, $0.title, $0.result) } }
    let isGame = measure == .pointingGame
    // Of images that are difficult (Zhang et al. 2018): the object is small, and there are others.
    let hasDifficult = isGame && results.contains { $0.result.items.contains(where: \.hasDistractors) }
    let heads = columns.map { "\($0.0.rawValue), \($0.1)" }
    var table = Table(
      ["method", "layer"]
        + (isGame ? heads.flatMap { [$0, "by class", "small"] + (hasDifficult ? ["difficult"] : []) } : heads),
      leftAligned: 2)
    for method in methods {
      for layer in layers {
        let cells = columns.flatMap { weights, _, result in
          let setting = Setting(method: method, layer: layer, weights: weights)
          guard isGame else { return [cell(result.scores[measure]?[setting])] }
          return [
            share(result.scores[measure]?[setting]), result.meanByClass(measure, setting).map(percent) ?? "",
            share(result.score(measure, setting, where: \.isSmall)),
          ] + (hasDifficult ? [share(result.score(measure, setting, where: \.isDifficult))] : [])
        }
        table.add([method.description, layer] + cells)
      }
    }
    if isGame {
      let cells = columns.flatMap { _, _, result in
        let byClass = Dictionary(grouping: result.items, by: \.label).values.map { Score($0.map(\.centre)) }
        return [
          share(Score(result.items.map(\.centre))), Score.mean(byGroup: byClass).map(percent) ?? "",
          share(Score(result.items.filter(\.isSmall).map(\.centre))),
        ] + (hasDifficult ? [share(Score(result.items.filter(\.isDifficult).map(\.centre)))] : [])
      }
      table.add(["(the image's centre)", ""] + cells)
    }
    return table
  }

  private func cell(_ score: Score?) -> String {
    guard let score, let mean = score.mean, let std = score.std else { return "undefined" }
    return "\(decimal(mean, 3)) ± \(decimal(std, 3))\(missing(score))"
  }

  private func share(_ score: Score?) -> String {
    guard let score, let mean = score.mean else { return "undefined" }
    return percent(mean) + missing(score)
  }

  private func missing(_ score: Score) -> String { score.undefined == 0 ? "" : " \(score.undefined)?" }

  /// One evaluation for `metrics.jsonl` and other programs.
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
      event[measure.rawValue] = settings.compactMap { setting -> [String: Any]? in
        guard let score = result.scores[measure]?[setting] else { return nil }
        var entry: [String: Any] = [
          "method": setting.method.description, "layer": setting.layer, "weights": setting.weights.rawValue,
          "images": score.values.count, "undefined": score.undefined,
        ]
        entry["mean"] = score.mean
        entry["std"] = score.std
        if let interval = score.interval { entry["interval"] = [interval.lowerBound, interval.upperBound] }
        if score.undefined > 0 { entry["reasons"] = score.reasons }
        if measure == .pointingGame {
          entry["mean_by_class"] = result.meanByClass(measure, setting)
          entry["small"] = result.score(measure, setting, where: \.isSmall).mean
          if result.items.contains(where: \.hasDistractors) {
            entry["difficult"] = result.score(measure, setting, where: \.isDifficult).mean
          }
        }
        return entry
      }
    }
    if measures.contains(.pointingGame) { event["centre"] = Score(result.items.map(\.centre)).mean }
    return event
  }

  /// JSON has no word for numbers that are infinite or none.
  private func finite(_ number: Double) -> Any { number.isFinite ? number : NSNull() }

  /// The evaluation as a JSON object. What is infinite or not a number is null.
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
        guard let score = result.scores[measure]?[setting] else { continue }
        let reasons = score.reasons.sorted { $0.key < $1.key }.map { "\($0.key) (\($0.value))" }.joined(separator: "; ")
        let numbers = [score.mean, score.std, score.interval?.lowerBound, score.interval?.upperBound]
        lines.append(
          ([measure.rawValue, setting.method.description, setting.layer, setting.weights.rawValue]
            + numbers.map { $0.map { String($0) } ?? "" } + [
              String(score.values.count), String(score.undefined), reasons,
            ])
            .joined(separator: ","))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension Evaluation.Item {
  /// Whether what is labelled covers less than a quarter of the image, where pointing is not easy.
  var isSmall: Bool { coverage.map { $0 < 0.25 } ?? false }

  /// Whether besides that there are objects of other classes.
  var isDifficult: Bool { isSmall && hasDistractors }
}

extension Measure {
  /// What it says, for people.
  var explanation: String {
    let direction = isHigherBetter.map { $0 ? " Higher is better." : " Lower is better." } ?? ""
    let text =
      switch self {
      case .classSensitivity:
        "Class sensitivity: the rank correlation between the maps for the most and the least likely class."
      case .topSecondSensitivity:
        "Class sensitivity between the most and the second likeliest class: the rank correlation of their maps."
      case .pairwiseSensitivity: "Class sensitivity over all pairs of classes: the mean rank correlation of their maps."
      case .pointingGame:
        "Pointing game: how often the largest value lies on the label's object; the mean over classes; and of images where "
          + "the object covers less than a quarter (small), and has others beside it (difficult)."
      case .energy: "Energy: the share of positive saliency on the label's objects, each by its mask or else its box."
      case .contentHeatmap:
        "Content heatmap: the share of positive saliency on the label's objects, where one has a mask."
      case .gridPointing:
        "Grid pointing game: of several images in one, the share of positive saliency on the right one."
      case .insertion: "Insertion: the area under the label's probability while the most salient pixels come."
      case .deletion: "Deletion: the area under the label's probability while the most salient pixels go."
      case .road:
        "ROAD: half of how much more of the label's probability is left without the least than without the most salient "
          + "pixels."
      case .sparseness: "Sparseness: the Gini index of absolute values; 0 is even, 1 is all in one place."
      case .cascadingRandomization:
        "Cascading randomization: the rank correlation with maps of networks made random from the last layer on."
      case .independentRandomization:
        "Independent randomization: the rank correlation with maps of networks with one random layer."
      case .infidelity: "Infidelity: what share of the logit's changes under noise the map does not account for."
      case .maxSensitivity: "Max-sensitivity: the largest relative change of the map under small changes of the image."
      }
    return text + direction
  }
}

extension String {
  /// Broken into lines of at most so many characters.
  func folded(to width: Int) -> String {
    split(separator: " ").reduce(into: [String]()) { lines, word in
      if let last = lines.last, last.count + 1 + word.count <= width {
        lines[lines.count - 1] += " " + word
      } else {
        lines.append(String(word))
      }
    }.joined(separator: "\n")
  }
}
