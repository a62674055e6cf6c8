import Datasets
import Learning
import Networks
import Saliency
import Tensors

extension Setup {
  /// Measures a network on the validation images that the recipe asks for. Several processes share the work: each
  /// measures some of the batches, and then some of the composite images, and sends its results to the others. So every
  /// process has the results of all images, with the same bits as in a single process.
  ///
  /// - Parameters:
  ///   - network: the network to measure.
  ///   - evaluation: the measures and their settings; nil for the recipe's.
  ///   - title: the title of the progress line.
  /// - Returns: the results.
  /// - Throws: a `FileError` about an image that cannot be read, or an error of the communicator.
  public func evaluate(
    _ network: Network, _ evaluation: Evaluation? = nil, title: String
  ) throws -> Evaluation.Result {
    let evaluation = evaluation ?? self.evaluation
    let indices = validation.dataset.spread(recipe.evaluation.images)
    let progress = Progress(title, total: indices.count, logger: logger)
    let prepared = evaluation.prepared(network)
    let starts = Array(stride(from: 0, to: indices.count, by: recipe.data.batch))
    let batches = try communicator.turns(of: starts.count).map { turn in
      let start = starts[turn]
      let batch = try validation.batch(Array(indices[start..<min(indices.count, start + recipe.data.batch)]))
      defer { progress.update(min(indices.count, start + recipe.data.batch)) }
      return try evaluation.results(prepared, batch, workers: workers)
    }
    var result = Evaluation.Result()
    for image in try communicator.gatherTurns(batches, of: starts.count).joined() { result.add(image, of: evaluation) }
    progress.clear()
    for case let measure as any CompositeMeasure in evaluation.measures {
      let groups = measure.groups(of: result.items)
      if groups.isEmpty {
        for setting in evaluation.settings {
          result.add(.undefined("too few images of different classes"), measure.resultName, setting)
        }
      }
      let own = communicator.turns(of: groups.count).map { groups[$0] }
      let progress = Progress("measuring \(measure.resultName)", total: own.count, logger: logger)
      let values = try evaluation.values(
        measure, on: own, of: result.items, prepared, workers: workers,
        image: { try validation.batch([$0]).images }, done: { progress.update($0) })
      for composite in try communicator.gatherTurns(values, of: groups.count) {
        for (setting, values) in zip(evaluation.settings, composite.values) {
          for value in values { result.add(value, measure.resultName, setting) }
        }
        for (baseline, value) in zip(measure.baselines(at: evaluation.layers), composite.baselines) {
          result.add(value, measure.resultName, baseline)
        }
      }
      progress.clear()
    }
    return result
  }
}

extension Evaluation {
  /// Measures composite images that a measure builds from images already measured.
  ///
  /// - Parameters:
  ///   - measure: the measure.
  ///   - groups: for each composite image the indices of its parts in `items`.
  ///   - items: the images that are already measured.
  ///   - network: a network that was ``prepared(_:)``.
  ///   - workers: threads.
  ///   - image: returns the image at an index of the data set, [1, H, W, 3], normalized.
  ///   - done: called with the number of groups measured so far.
  /// - Returns: the values and baselines for each group.
  /// - Throws: what `image` throws.
  func values(
    _ measure: any CompositeMeasure, on groups: [[Int]], of items: [Item], _ network: EvaluatedNetwork, workers: Int,
    image: @escaping @Sendable (Int) throws -> Tensor, done: (Int) -> Void = { _ in }
  ) throws -> [CompositeResult] {
    let baselines = measure.baselines(at: layers)
    var all: [CompositeResult] = []
    try Parallel.forEachInOrder(
      groups.count, workers: workers,
      { number -> CompositeResult in
        let parts = groups[number].map { items[$0] }
        guard let first = parts.first else { return CompositeResult() }
        let composed = measure.composed(try parts.map { try image($0.index) }, of: parts)
        let composite = self.image(
          composed.image, of: network, label: first.label, labels: parts.map(\.label), placed: composed.objects,
          index: first.index)
        return CompositeResult(
          values: settings.map { measure.values(ofComposite: composite, at: $0) },
          baselines: baselines.map { $0.value(composite) })
      }
    ) { result in
      all.append(result)
      done(all.count)
    }
    return all
  }
}
