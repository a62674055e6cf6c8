import Learning
import Saliency

extension Evaluation {
  /// What was measured.
  public struct Result: Sendable {
    /// Images measured, in order.
    public private(set) var items: [Item] = []
    /// By the measures' names, their scores, with a value for each image (for grid pointing, for each cell of a grid).
    public private(set) var scores: [String: [Setting: Score]] = [:]
    /// By the measures' names and the baselines' keys, the baselines, with a value for each image.
    public private(set) var baselines: [String: [String: Score]] = [:]
    /// Each of the goal's objectives for each image; nil where the value that is trained on is meant, none without a goal.
    private var objectives: [[Score.Value?]] = []

    /// Images measured.
    public var images: Int { items.count }
    /// The share of images whose likeliest class is a label of theirs, in [0, 1].
    public var accuracy: Double { Double(items.count { $0.isCorrect }) / Double(max(1, images)) }
    /// Images that the network gives logits for which are infinite or not numbers. They count as wrong.
    public var notFinite: Int { items.count { !$0.hasFiniteLogits } }
    /// The share of images with a label among the five likeliest classes; nil where there are fewer than twenty classes.
    public var topFiveAccuracy: Double? {
      guard let classes = items.first?.logits.count, classes >= 20 else { return nil }
      let hits = items.count { item in
        item.hasFiniteLogits && item.labels.contains { label in item.logits.count { $0 > item.logits[label] } < 5 }
      }
      return Double(hits) / Double(images)
    }
    /// Mean softmax cross-entropy to the labels.
    public var crossEntropy: Double { items.reduce(0) { $0 + $1.crossEntropy } / Double(max(1, images)) }
    /// Mean binary cross-entropy of each class by itself.
    public var binaryCrossEntropy: Double { items.reduce(0) { $0 + $1.binaryCrossEntropy } / Double(max(1, images)) }

    /// How well each class's logit ranks the images that have it before those that have not: the mean over classes of average
    /// precision, the mean over the images of a class of the share of its own among those ranked no lower (Everingham et al.
    /// 2010, without interpolation). Nil where no image has more than one label.
    public var meanAveragePrecision: Double? {
      guard items.contains(where: { $0.labels.count > 1 }) else { return nil }
      let precisions = Set(items.flatMap(\.labels)).sorted().map { class_ in
        let ranked = items.sorted { $0.logits[class_] > $1.logits[class_] }
        var (found, sum) = (0, 0.0)
        for (rank, item) in ranked.enumerated() where item.labels.contains(class_) {
          found += 1
          sum += Double(found) / Double(rank + 1)
        }
        return sum / Double(found)
      }
      return precisions.reduce(0, +) / Double(precisions.count)
    }
    /// The weighted sum of the goal's objectives, each the mean over images, with rank correlations for class sensitivities;
    /// infinite where an image has no value.
    public func outerLoss(_ goal: MetaStep) -> Double {
      let total = goal.objectives.enumerated().reduce(0.0) { sum, term in
        guard term.element.weight != 0 else { return sum }
        let score = Score(
          objectives.compactMap {
            $0.indices.contains(term.offset) ? $0[term.offset] ?? .undefined("not measured") : nil
          })
        guard score.undefined == 0, let mean = score.mean else { return .infinity }
        return sum + term.element.weight * mean
      }
      return total.isFinite ? total : .infinity
    }

    /// Class sensitivity's scores.
    public var sensitivity: [Setting: Score] { scores["class_sensitivity"] ?? [:] }

    mutating func add(_ image: ImageResult, of evaluation: Evaluation) {
      items.append(image.item)
      objectives.append(image.objectives)
      for (column, value) in zip(evaluation.columns, image.values) { add(value, column.measure.name, column.setting) }
      for (column, value) in zip(evaluation.baselineColumns, image.baselines) {
        baselines[column.measure, default: [:]][column.baseline.key, default: .init()].add(value)
      }
    }

    mutating func add(_ value: Score.Value, _ measure: String, _ setting: Setting) {
      scores[measure, default: [:]][setting, default: .init()].add(value)
    }
  }

  /// What was measured on one image; processes that measure together send it to each other.
  struct ImageResult: Sendable, Codable {
    let item: Item
    /// Each of the goal's objectives; nil where the value that is trained on is meant.
    var objectives: [Score.Value?] = []
    /// In the order of ``Evaluation/columns``.
    var values: [Score.Value] = []
    /// In the order of ``Evaluation/baselineColumns``.
    var baselines: [Score.Value] = []
  }
}
