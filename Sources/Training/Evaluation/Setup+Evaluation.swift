import Datasets
import Learning
import Networks
import Saliency
import Tensors

extension Setup {
  /// Measures a network on the validation images that the recipe asks for. Processes that do it together take turns: each measures
  /// whole batches, and then whole composite images, and sends what it measured to the others. So every process has the result
  /// of all images, with the same bits that a single process gets.
  ///
  /// - Parameters:
  ///   - network: what is measured.
  ///   - evaluation: what is measured of it; nil for what the recipe says.
  ///   - title: what the progress line says.
  /// - Returns: what was measured.
  /// - Throws: a ``Formats/FileError`` about an image that cannot be read, or what the communicator throws.
  public func evaluate(
    _ network: Network, _ evaluation: Evaluation? = nil, title: String
  ) throws -> Evaluation.Result {
    let evaluation = evaluation ?? self.evaluation
    let indices = validation.dataset.spread(recipe.evaluation.images)
    let progress = communicator.rank == 0 ? Progress(title, total: indices.count) : nil
    let prepared = evaluation.prepared(network)
    let starts = Array(stride(from: 0, to: indices.count, by: recipe.data.batch))
    let batches = try communicator.turns(of: starts.count).map { turn in
      let start = starts[turn]
      let batch = try validation.batch(Array(indices[start..<min(indices.count, start + recipe.data.batch)]))
      defer { progress?.update(min(indices.count, start + recipe.data.batch)) }
      return try evaluation.results(prepared, batch, workers: workers)
    }
    var result = Evaluation.Result()
    for image in try communicator.gatherTurns(batches, of: starts.count).joined() { result.add(image, of: evaluation) }
    progress?.clear()
    for case let measure as any CompositeMeasure in evaluation.measures {
      let groups = measure.groups(of: result.items)
      let own = communicator.turns(of: groups.count).map { groups[$0] }
      let progress = communicator.rank == 0 ? Progress("measuring \(measure.name)", total: own.count) : nil
      let values = try evaluation.values(
        measure, on: own, of: result.items, prepared, workers: workers,
        image: { try validation.batch([$0]).images }, done: { progress?.update($0) })
      for values in try communicator.gatherTurns(values, of: groups.count) {
        for (setting, values) in zip(evaluation.settings, values) {
          for value in values { result.add(value, measure.name, setting) }
        }
      }
      progress?.clear()
    }
    return result
  }
}

extension Evaluation {
  /// Measures images that a measure composes of those already measured.
  ///
  /// - Parameters:
  ///   - measure: the measure.
  ///   - groups: places among the items, a group for each image that is composed.
  ///   - items: the images that are already measured.
  ///   - network: a network that was ``prepared(_:)``.
  ///   - workers: threads.
  ///   - image: an image by its place in the data set, [1, H, W, 3], normalized.
  ///   - done: called with the number of groups measured so far.
  /// - Returns: for each group and each setting the values.
  /// - Throws: what `image` throws.
  func values(
    _ measure: any CompositeMeasure, on groups: [[Int]], of items: [Item], _ network: EvaluatedNetwork, workers: Int,
    image: @escaping @Sendable (Int) throws -> Tensor, done: (Int) -> Void = { _ in }
  ) throws -> [[[Score.Value]]] {
    var all: [[[Score.Value]]] = []
    try Parallel.forEachInOrder(
      groups.count, workers: workers,
      { number -> [[Score.Value]] in
        let parts = groups[number].map { items[$0] }
        guard let first = parts.first else { return [] }
        let composite = self.image(
          measure.composed(try parts.map { try image($0.index) }), of: network, label: first.label,
          labels: parts.map(\.label), objects: [], index: first.index)
        return settings.map { measure.values(ofComposite: composite, at: $0) }
      }
    ) { values in
      all.append(values)
      done(all.count)
    }
    return all
  }
}
