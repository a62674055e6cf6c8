import Learning
import Saliency

extension Evaluation {
  /// The results of an evaluation.
  public struct Result: Sendable {
    /// The measured images, in order.
    public private(set) var items: [Item] = []
    /// The scores by the result names of measures, with a value for each image (for grid pointing, for each cell of a grid).
    public private(set) var scores: [String: [Setting: Score]] = [:]
    /// The baselines by the result names of measures and the identities of baselines, with a value for each image.
    public private(set) var baselines: [String: [String: Score]] = [:]
    /// The goal's objectives for each image; nil if the objective has no score of its own and is to be measured by its
    /// training loss. Empty without a goal.
    private var objectives: [[Score.Value?]] = []

    /// The number of measured images.
    public var images: Int { items.count }
    /// The share of images whose most likely class is one of their labels, in [0, 1].
    public var accuracy: Double { Double(items.count { $0.isCorrect }) / Double(max(1, images)) }
    /// The number of images whose logits are infinite or NaN. They count as wrong.
    public var notFinite: Int { items.count { !$0.hasFiniteLogits } }
    /// The share of images with a label among the five most likely classes, in [0, 1]; nil if there are fewer than
    /// twenty classes.
    public var topFiveAccuracy: Double? {
      guard let classes = items.first?.logits.count, classes >= 20 else { return nil }
      let hits = items.count { item in
        item.hasFiniteLogits && item.labels.contains { label in item.logits.count { $0 > item.logits[label] } < 5 }
      }
      return Double(hits) / Double(images)
    }
    /// The mean softmax cross-entropy to the labels.
    public var crossEntropy: Double { items.reduce(0) { $0 + $1.crossEntropy } / Double(max(1, images)) }
    /// The mean binary cross-entropy, with every class as its own problem.
    public var binaryCrossEntropy: Double { items.reduce(0) { $0 + $1.binaryCrossEntropy } / Double(max(1, images)) }

    /// The mean over classes of the average precision, which measures how well a class's logit ranks the images of the
    /// class before the others (Everingham et al. 2010, without interpolation). Nil if no image has more than one
    /// label.
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
    /// The outer loss: the weighted sum of the goal's objectives, each averaged over images, with rank correlations for
    /// class sensitivities. It is infinite if an image has no value.
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

    /// The scores of class sensitivity.
    public var sensitivity: [Setting: Score] { scores["class_sensitivity"] ?? [:] }

    mutating func add(_ image: ImageResult, of evaluation: Evaluation) {
      items.append(image.item)
      objectives.append(image.objectives)
      for (column, value) in zip(evaluation.columns, image.values) {
        add(value, column.measure.resultName, column.setting)
      }
      for (column, value) in zip(evaluation.baselineColumns, image.baselines) {
        add(value, column.measure, column.baseline)
      }
    }

    mutating func add(_ value: Score.Value, _ measure: String, _ baseline: MeasureBaseline) {
      baselines[measure, default: [:]][baseline.id, default: .init()].add(value)
    }

    mutating func add(_ value: Score.Value, _ measure: String, _ setting: Setting) {
      scores[measure, default: [:]][setting, default: .init()].add(value)
    }
  }

  /// The results for one composite image, which processes that evaluate together send to each other.
  struct CompositeResult: Sendable, Codable {
    /// The values for each setting.
    var values: [[Score.Value]] = []
    /// The values of the measure's baselines.
    var baselines: [Score.Value] = []
  }

  /// The results for one image, which processes that evaluate together send to each other.
  struct ImageResult: Sendable, Codable {
    let item: Item
    /// The goal's objectives; nil if the objective has no score of its own and is to be measured by its training loss.
    var objectives: [Score.Value?] = []
    /// The values of the measures, in the order of ``Evaluation/columns``.
    var values: [Score.Value] = []
    /// The values of the baselines, in the order of ``Evaluation/baselineColumns``.
    var baselines: [Score.Value] = []
  }
}
