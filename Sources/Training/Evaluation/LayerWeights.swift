import Datasets
import Learning
import Logging
import Networks
import Saliency
import Tensors

/// Weights for combining the maps of several layers, measured from data ("There and Back Again", section 3.3). Each
/// layer is measured in three ways: the spread of its activations, the accuracy of a linear classifier on them, and the
/// pointing game of the layer's own maps. Each column can be passed to `metasal explain --layer-weights`.
public struct LayerWeights: Sendable {
  /// The three weights of a layer, none of them negative.
  public struct Row: Sendable {
    /// The layer's name.
    public let layer: String
    /// The spread of the layer's activations; see `Combination.activationSpread(_:)`.
    public let spread: Double
    /// The accuracy of a linear classifier of the layer's mean activations on the validation images, in [0, 1].
    public let probe: Double
    /// The share of hits in the pointing game, in [0, 1]; nil if the data have no boxes.
    public let pointing: Double?
  }

  /// The rows in the order of the layers.
  public let rows: [Row]

  /// The weights as a table, in lines of at most `width` characters.
  public func report(width: Int = Terminal.usualColumns) -> String {
    var table = Table(["layer", "activation spread", "linear probe", "pointing"], leftAligned: 1)
    for row in rows {
      table.add([row.layer, decimal(row.spread, 3), percent(row.probe), row.pointing.map(percent) ?? "no boxes"])
    }
    return "Weights for combining the maps of layers, by three measures:\n\n\(table.text(width: width))"
  }
}

/// A linear classifier of a layer's mean activations (linear probe, Alain and Bengio 2016).
struct LinearProbe {
  private let mean, scale: Tensor
  private var weights, biases: Tensor

  /// Trains the classifier on features [N, C] with labels: softmax regression of standardized features by Adam. It
  /// starts at zero, so the result is deterministic.
  init(_ features: Tensor, labels: [Int], classes: Int, steps: Int = 300) {
    mean = features.mean([0])
    scale = ((features - mean).squared.mean([0]) + 1e-8).sqrt.reciprocalOrZero
    let rows = (features - mean) * scale
    let type = rows.scalarType
    var parameters = [Tensor.zeros([rows.shape[1], classes], type), Tensor.zeros([classes], type)]
    let optimizer = Adam()
    var state = OptimizerState()
    for _ in 0..<steps {
      let tracked = parameters.map { $0.tracked() }
      let loss = (Tensor.product(rows, tracked[0]) + tracked[1]).crossEntropy(to: labels).mean()
      parameters = optimizer.update(
        parameters, gradients(of: loss, withRespectTo: tracked),
        updates: [0.02, 0.02].map { ParameterUpdate(rate: $0) }, state: &state)
    }
    (weights, biases) = (parameters[0], parameters[1])
  }

  /// The accuracy of the classifier on features [N, C], in [0, 1].
  func accuracy(_ features: Tensor, labels: [Int]) -> Double {
    let found = (Tensor.product((features - mean) * scale, weights) + biases).argmax()
    return Double(zip(found, labels).count { $0 == $1 }) / Double(max(1, labels.count))
  }
}

extension Setup {
  /// Measures the layers on as many images as the recipe evaluates: training images to train the linear classifiers,
  /// and validation images to test them.
  public func layerWeights(_ network: Network) throws -> LayerWeights {
    let layers = evaluation.layers
    func features(_ source: BatchSource, _ title: String) throws -> (pooled: [Tensor], spread: [Double], labels: [Int])
    {
      let indices = source.dataset.spread(recipe.evaluation.images)
      let progress = Progress(title, total: indices.count, logger: logger)
      var (parts, spreads) = ([[Tensor]](repeating: [], count: layers.count), [[Double]]())
      var labels: [Int] = []
      for range in evenParts(of: indices.count, atMost: recipe.data.batch) {
        let batch = try source.batch(Array(indices[range]))
        let output = network(batch.images, capturing: layers)
        let activations = layers.compactMap { output.activations[$0]?.detached() }
        for (index, activation) in activations.enumerated() { parts[index].append(activation.mean([1, 2])) }
        spreads.append(Combination.activationSpread(activations))
        labels += batch.labels
        progress.update(labels.count)
      }
      progress.clear()
      let spread = layers.indices.map { layer in spreads.reduce(0) { $0 + $1[layer] } / Double(max(1, spreads.count)) }
      return (parts.map { .concatenated($0, axis: 0) }, spread, labels)
    }
    let (train, validation) = (
      try features(self.train, "seeing layers"), try features(self.validation, "seeing layers")
    )
    var pointing = evaluation
    pointing.measures = [evaluation.measures.first { $0 is PointingGame } ?? PointingGame()]
    pointing.methods = [recipe.saliency.method]
    (pointing.virtualRate, pointing.goal) = (nil, nil)
    let result = try evaluate(network, pointing, title: "pointing")
    return LayerWeights(
      rows: layers.enumerated().map { index, layer in
        let probe = LinearProbe(train.pooled[index], labels: train.labels, classes: self.train.dataset.classNames.count)
        let setting = Evaluation.Setting(method: recipe.saliency.method, layer: layer, weights: .plain)
        return LayerWeights.Row(
          layer: layer, spread: validation.spread[index],
          probe: probe.accuracy(validation.pooled[index], labels: validation.labels),
          pointing: result.scores["pointing_game"]?[setting]?.mean)
      })
  }
}
