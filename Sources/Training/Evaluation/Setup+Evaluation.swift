import Datasets
import Networks
import Saliency
import Tensors

extension Setup {
  /// Measures a network on the validation images that the recipe asks for.
  ///
  /// - Parameters:
  ///   - network: the network to measure.
  ///   - evaluation: the measures and their settings; nil for the recipe's.
  ///   - title: the title of the progress line.
  /// - Returns: the results.
  /// - Throws: a ``Formats/FileError`` about an image that cannot be read.
  public func evaluate(
    _ network: Network, _ evaluation: Evaluation? = nil, title: String
  ) throws -> Evaluation.Result {
    let evaluation = evaluation ?? self.evaluation
    let indices = validation.dataset.spread(recipe.evaluation.images)
    let progress = Progress(title, total: indices.count)
    let prepared = evaluation.prepared(network)
    var result = Evaluation.Result()
    for start in stride(from: 0, to: indices.count, by: recipe.data.batch) {
      let batch = try validation.batch(Array(indices[start..<min(indices.count, start + recipe.data.batch)]))
      try evaluation.measure(prepared, batch, workers: workers, into: &result)
      progress.update(result.images)
    }
    progress.clear()
    for case let measure as any CompositeMeasure in evaluation.measures {
      let groups = measure.groups(of: result.items)
      let progress = Progress("measuring \(measure.name)", total: groups.count)
      try evaluation.measure(
        measure, on: groups, prepared, workers: workers, into: &result,
        image: { try validation.batch([$0]).images }, done: { progress.update($0) })
      progress.clear()
    }
    return result
  }
}

extension Evaluation {
  /// Measures composite images that a measure builds from images already measured, and adds the values to `result`.
  ///
  /// - Parameters:
  ///   - measure: the measure.
  ///   - groups: for each composite image the indices of its parts in the result's items.
  ///   - network: a network that was ``prepared(_:)``.
  ///   - workers: threads.
  ///   - result: what was measured; the values are added to it.
  ///   - image: returns the image at an index of the data set, [1, H, W, 3], normalized.
  ///   - done: called with the number of groups that are measured.
  /// - Throws: what `image` throws.
  func measure(
    _ measure: any CompositeMeasure, on groups: [[Int]], _ network: EvaluatedNetwork, workers: Int,
    into result: inout Result, image: @escaping @Sendable (Int) throws -> Tensor, done: (Int) -> Void = { _ in }
  ) throws {
    let items = result.items
    var count = 0
    try Parallel.forEachInOrder(
      groups.count, workers: workers,
      { number -> [(Setting, [Score.Value])] in
        let parts = groups[number].map { items[$0] }
        guard let first = parts.first else { return [] }
        let composite = self.image(
          measure.composed(try parts.map { try image($0.index) }), of: network, label: first.label,
          labels: parts.map(\.label), objects: [], index: first.index)
        return settings.map { ($0, measure.values(ofComposite: composite, at: $0)) }
      }
    ) { values in
      for (setting, values) in values { for value in values { result.add(value, measure.name, setting) } }
      count += 1
      done(count)
    }
  }
}
