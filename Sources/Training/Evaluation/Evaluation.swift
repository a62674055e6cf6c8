import Datasets
import Learning
import Networks
import Saliency
import Tensors

/// The settings of an evaluation: measures, methods, layers and precision.
public struct Evaluation: Sendable {
  /// The measures of maps, with distinct result names; if there are none, only accuracy is measured.
  public var measures: [any Measure]
  /// The saliency methods whose maps are measured at all layers.
  public var methods: [Method]
  /// The layers at which maps are computed.
  public var layers: [String]
  /// The rate of the virtual class update (one step, all parameters) after which maps are measured again; nil to
  /// measure only plain maps.
  public var virtualRate: Double?
  /// The loss of the virtual class update.
  public var virtualLoss: InnerUpdate.Loss
  /// The precision in which maps are computed. In float32 an activation near zero may fall on the other side of a ReLU
  /// than in exact arithmetic, which changes a map after a virtual update by some thousandths; in float64 this effect
  /// is negligible.
  public var precision: ScalarType
  /// The outer loss that is also measured, to select the best checkpoint; nil for none. Where it has an inner update
  /// for the whole batch, its maps here are made after an update for the single image.
  public var goal: MetaStep?

  /// An evaluation, by default of class sensitivity for all methods at all layers; without measures, of accuracy only.
  public init(
    measures: [any Measure] = [ClassSensitivityMeasure()], methods: [Method], layers: [String], virtualRate: Double?,
    virtualLoss: InnerUpdate.Loss = .crossEntropy, precision: ScalarType = .float64, goal: MetaStep? = nil
  ) {
    (self.measures, self.methods, self.layers) = (measures, methods, layers)
    (self.virtualRate, self.virtualLoss) = (virtualRate, virtualLoss)
    (self.precision, self.goal) = (precision, goal)
  }

  /// The method, the layer and the weights of a map, which identify a cell of the table.
  public typealias Setting = MapSetting
  /// The measured values of an image besides its maps.
  public typealias Item = MeasuredItem

  /// The virtual class update; nil to measure only plain maps.
  var update: InnerUpdate? { virtualRate.map { InnerUpdate(rate: $0, loss: virtualLoss) } }

  /// The kinds of weights at which maps are computed.
  public var weights: [MapWeights] { virtualRate == nil ? [.plain] : [.plain, .virtual] }

  /// All settings, in the table's order.
  public var settings: [Setting] {
    methods.flatMap { method in
      layers.flatMap { layer in weights.map { Setting(method: method, layer: layer, weights: $0) } }
    }
  }

  /// Prepares a network for all measures, once for all images.
  public func prepared(_ network: Network) -> EvaluatedNetwork {
    EvaluatedNetwork(
      network, precision: precision, movesParameters: virtualRate != nil || goal?.needsUpdate ?? false,
      measures: measures)
  }

  /// Runs an image through the network and prepares it for the measures.
  ///
  /// - Parameters:
  ///   - image: [1, H, W, 3], normalized.
  ///   - network: a network that was ``prepared(_:)``.
  ///   - label: the image's class.
  ///   - labels: all classes in the image.
  ///   - objects: the annotated objects in it.
  ///   - index: its index in the data set.
  /// - Returns: the image, after one pass through the network.
  public func image(
    _ image: Tensor, of network: EvaluatedNetwork, label: Int, labels: [Int], objects: [Sample.Object], index: Int
  ) -> EvaluatedImage {
    let (height, width) = (image.shape[1], image.shape[2])
    let objects = objects.map { object in
      EvaluatedImage.Object(
        label: object.label, region: object.region(width: width, height: height), hasMask: object.mask != nil)
    }
    return self.image(image, of: network, label: label, labels: labels, placed: objects, index: index)
  }

  /// Runs an image, or one made of several, through the network; its objects are placed on it already.
  func image(
    _ image: Tensor, of network: EvaluatedNetwork, label: Int, labels: [Int], placed objects: [EvaluatedImage.Object],
    index: Int
  ) -> EvaluatedImage {
    EvaluatedImage(
      image, of: network, label: label, labels: labels, objects: objects, index: index,
      kind: measures.isEmpty ? .init(methods: [], layers: []) : .init(methods: methods, layers: layers),
      capturing: measures.isEmpty ? goal?.allLayers ?? [] : layers, update: update)
  }

  /// Measures a batch's images, adding to `result`; images are independent of each other.
  public func measure(_ network: Network, _ batch: Batch, workers: Int, into result: inout Result) throws {
    try measure(prepared(network), batch, workers: workers, into: &result)
  }

  /// Measures a batch's images with a network that was ``prepared(_:)`` once for all batches.
  public func measure(_ network: EvaluatedNetwork, _ batch: Batch, workers: Int, into result: inout Result) throws {
    for image in try results(network, batch, workers: workers) { result.add(image, of: self) }
  }

  /// Measures a batch's images.
  ///
  /// - Parameters:
  ///   - network: a network that was ``prepared(_:)``.
  ///   - batch: images with their labels.
  ///   - workers: threads.
  /// - Returns: the results for each image, in their order.
  /// - Throws: what an objective throws.
  func results(_ network: EvaluatedNetwork, _ batch: Batch, workers: Int) throws -> [ImageResult] {
    var images: [ImageResult] = []
    try Parallel.forEachInOrder(
      batch.labels.count, workers: workers,
      { index in
        Profile.phase(.evaluation) {
          let image = batch.images.sliced(axis: 0, from: index, length: 1)
          return self.result(
            of: self.image(
              image, of: network, label: batch.labels[index], labels: batch.targets[index].map(\.label),
              objects: batch.objects[index], index: batch.indices[index]))
        }
      }
    ) { images.append($0) }
    try addTrainedValues(network.plain, batch, workers: workers, to: &images)
    return images
  }

  /// The columns of measures of single images, each with a setting, in the order of ``ImageResult/values``.
  var columns: [(measure: any Measure, setting: Setting)] {
    measures.filter { !($0 is any CompositeMeasure) }.flatMap { measure in settings.map { (measure, $0) } }
  }

  /// The columns of baselines of single images, in the order of ``ImageResult/baselines``.
  var baselineColumns: [(measure: String, baseline: MeasureBaseline)] {
    measures.filter { !($0 is any CompositeMeasure) }.flatMap { measure in
      measure.baselines(at: layers).map { (measure.resultName, $0) }
    }
  }

  /// Computes all results for one image.
  func result(of image: EvaluatedImage) -> ImageResult {
    var result = ImageResult(item: MeasuredItem(image))
    result.objectives = (goal?.objectives ?? []).map { term in
      guard term.weight != 0, let goal else { return .defined(0) }
      return term.objective.score(of: image, weight: term.weight, in: goal.focused(on: term))
    }
    result.values = columns.map { $0.measure.value(of: image, at: $0.setting) }
    result.baselines = baselineColumns.map { $0.baseline.value(image) }
    return result
  }

  /// Adds the values of those objectives of the goal that have no score of their own: the training loss of the
  /// objective on this batch of validation images.
  private func addTrainedValues(
    _ network: Network, _ batch: Batch, workers: Int, to images: inout [ImageResult]
  ) throws {
    guard var goal, let first = images.first else { return }
    let unscored = first.objectives.map { $0 == nil }
    guard unscored.contains(true) else { return }
    for index in goal.objectives.indices { goal.objectives[index].weight = unscored[index] ? 1 : 0 }
    (goal.normalization, goal.dropping) = (.running, Dropping())
    var random = RandomSource(seed: 0, purpose: "validation", batch.indices.first ?? 0)
    let outcome = try goal(
      network, batch.images, labels: batch.labels,
      targets: .softTargets(of: batch.targets, classes: network.classes, batch.images.scalarType),
      objects: batch.objects(for: goal), workers: workers, random: &random)
    for (objective, values) in outcome.valuesByImage.enumerated() {
      guard unscored[objective], let values, let mean = outcome.values[objective] else { continue }
      // Images that an objective composes are no images of the data set; each of these then has the mean.
      for image in images.indices {
        images[image].objectives[objective] = .defined(values.count == images.count ? values[image] : mean)
      }
    }
  }
}
