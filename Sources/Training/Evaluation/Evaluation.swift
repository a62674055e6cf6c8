import Datasets
import Learning
import Networks
import Saliency
import Tensors

/// What to measure on a network.
public struct Evaluation: Sendable {
  /// What maps are judged by; with none, accuracy alone is measured.
  public var measures: [Measure]
  /// Methods whose maps are judged, at all layers.
  public var methods: [Method]
  /// Layers at which maps are made.
  public var layers: [String]
  /// The rate of the virtual class update (one step, all parameters) before maps are taken again; nil: plain maps only.
  public var virtualRate: Double?
  /// What that update descends.
  public var virtualLoss: InnerUpdate.Loss
  /// What maps are computed in. In float32 an activation near zero may fall on the other side of a ReLU than in
  /// exact arithmetic, which moves a map after a virtual update by some thousandths; in float64 nothing of that is seen.
  public var precision: ScalarType
  /// Pixels by which the pointing game may miss.
  public var tolerance: Int
  /// Steps of the curves of insertion and deletion.
  public var steps: Int
  /// Images on a side in the grid pointing game.
  public var gridSide: Int

  /// The outer loss that is measured besides, so that the best checkpoint can be told; nil for none. Maps after an inner update
  /// of a batch are taken after one of the image alone.
  public var goal: MetaStep?

  /// Class sensitivity of all methods at all layers; of none, accuracy alone.
  public init(
    measures: [Measure] = [.classSensitivity], methods: [Method], layers: [String], virtualRate: Double?,
    virtualLoss: InnerUpdate.Loss = .crossEntropy, precision: ScalarType = .float64, tolerance: Int = 15,
    steps: Int = 16, gridSide: Int = 2,
    goal: MetaStep? = nil
  ) {
    (self.measures, self.methods, self.layers) = (measures, methods, layers)
    (self.virtualRate, self.virtualLoss) = (virtualRate, virtualLoss)
    (self.precision, self.tolerance, self.steps, self.gridSide) = (precision, tolerance, steps, gridSide)
    self.goal = goal
  }

  /// The update before maps are taken again; nil: plain maps only.
  var update: InnerUpdate? { virtualRate.map { InnerUpdate(rate: $0, loss: virtualLoss) } }

  /// Whether some maps are made after a virtual update.
  var movesParameters: Bool {
    virtualRate != nil || goal?.needsUpdate ?? false
  }

  /// One cell of the table: how maps are made.
  public struct Setting: Sendable, Hashable {
    /// How the map is made.
    public let method: Method
    /// Where.
    public let layer: String
    /// At which weights.
    public let weights: MapWeights

    /// A method at a layer.
    public init(method: Method, layer: String, weights: MapWeights) {
      (self.method, self.layer, self.weights) = (method, layer, weights)
    }
  }

  /// What is known of an image besides its maps.
  public struct Item: Sendable {
    /// Its class.
    public let label: Int
    /// The probability of the label.
    public let confidence: Double
    /// The share of the image that the label's boxes or masks cover; nil if there are none.
    public let coverage: Double?
    /// Whether there are objects of other classes too.
    public let hasDistractors: Bool
    /// The pointing game of the image's centre.
    public let centre: Score.Value
    /// The logits, and whether the largest is that of a class in the image; it is not where one is no number.
    let logits: [Double]
    let isCorrect: Bool
    /// Whether all logits are finite.
    let hasFiniteLogits: Bool
    /// Each of the goal's objectives; nil where the value that is trained on is meant, none without a goal.
    var objectives: [Score.Value?]
    /// All classes in the image.
    let labels: [Int]
    /// Softmax cross-entropy to the labels, and binary cross-entropy of each class by itself.
    let loss, binaryLoss: Double
  }

  /// What was measured.
  public struct Result: Sendable {
    /// Images measured, in order.
    public private(set) var items: [Item] = []
    /// Each measure's scores, with a value for each image (for grid pointing, for each cell of a grid).
    public private(set) var scores: [Measure: [Setting: Score]] = [:]

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
    public var crossEntropy: Double { items.reduce(0) { $0 + $1.loss } / Double(max(1, images)) }
    /// Mean binary cross-entropy of each class by itself.
    public var binaryCrossEntropy: Double { items.reduce(0) { $0 + $1.binaryLoss } / Double(max(1, images)) }

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
          items.compactMap {
            $0.objectives.indices.contains(term.offset) ? $0.objectives[term.offset] ?? .undefined("not measured") : nil
          })
        guard score.undefined == 0, let mean = score.mean else { return .infinity }
        return sum + term.element.weight * mean
      }
      return total.isFinite ? total : .infinity
    }

    /// Class sensitivity's scores.
    public var sensitivity: [Setting: Score] { scores[.classSensitivity] ?? [:] }

    /// A score of the images that a condition holds for.
    public func score(_ measure: Measure, _ setting: Setting, where isWanted: (Item) -> Bool) -> Score {
      let values = scores[measure]?[setting]?.values ?? []
      return Score(zip(items, values).filter { isWanted($0.0) }.map(\.1))
    }

    /// The mean over classes of the mean over each one's images; see ``ImageMap/pointing(at:tolerance:)``.
    public func meanByClass(_ measure: Measure, _ setting: Setting) -> Double? {
      Score.mean(
        byGroup: Set(items.map(\.label)).sorted().map { label in score(measure, setting) { $0.label == label } })
    }

    mutating func add(_ image: ImageResult) {
      items.append(image.item)
      for (measure, setting, value) in image.values { add(value, measure, setting) }
    }

    mutating func add(_ value: Score.Value, _ measure: Measure, _ setting: Setting) {
      scores[measure, default: [:]][setting, default: .init()].add(value)
    }
  }

  struct ImageResult: Sendable {
    var item: Item
    var values: [(Measure, Setting, Score.Value)] = []
  }

  /// The weights at which maps are made.
  public var weights: [MapWeights] { virtualRate == nil ? [.plain] : [.plain, .virtual] }

  /// All settings, in the table's order.
  public var settings: [Setting] {
    methods.flatMap { method in
      layers.flatMap { layer in weights.map { Setting(method: method, layer: layer, weights: $0) } }
    }
  }

  /// Measures a batch's images, adding to `result`; images are independent of each other.
  public func measure(_ network: Network, _ batch: Batch, workers: Int, into result: inout Result) throws {
    let networks = Networks(self, network)
    var images: [ImageResult] = []
    try Parallel.forEachInOrder(
      batch.labels.count, workers: workers,
      { index in
        Profile.phase(.evaluation) {
          let image = batch.images.sliced(axis: 0, from: index, length: 1)
          return ImageMeasurement(
            self, networks, image, label: batch.labels[index], labels: batch.targets[index].map(\.label),
            objects: batch.objects[index], index: batch.indices[index]
          )
          .result()
        }
      }
    ) { images.append($0) }
    try addTrainedValues(network, batch, workers: workers, to: &images)
    for image in images { result.add(image) }
  }

  /// Fills in the goal's objectives that have no score of their own: the values that are trained on, of a batch of validation images.
  private func addTrainedValues(
    _ network: Network, _ batch: Batch, workers: Int, to images: inout [ImageResult]
  ) throws {
    guard var goal, let first = images.first else { return }
    let unscored = first.item.objectives.map { $0 == nil }
    guard unscored.contains(true) else { return }
    for index in goal.objectives.indices { goal.objectives[index].weight = unscored[index] ? 1 : 0 }
    goal.normalization = .running
    var random = RandomSource(seed: 0, purpose: "validation", batch.indices.first ?? 0)
    let outcome = try goal(
      network, batch.images, labels: batch.labels,
      targets: .softTargets(of: batch.targets, classes: network.classes, batch.images.scalarType), workers: workers,
      random: &random)
    for (objective, values) in outcome.valuesByImage.enumerated() {
      for (image, value) in (values ?? []).enumerated() where unscored[objective] {
        images[image].item.objectives[objective] = .defined(value)
      }
    }
  }
}
