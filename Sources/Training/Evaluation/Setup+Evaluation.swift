import Datasets
import Networks
import Saliency
import Tensors

extension Setup {
  /// Measures a network on the validation images that the recipe asks for.
  ///
  /// - Parameters:
  ///   - network: what is measured.
  ///   - evaluation: what is measured of it; nil for what the recipe says.
  ///   - title: what the progress line says.
  /// - Returns: what was measured.
  /// - Throws: a `FileError` about an image that cannot be read.
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
  /// Measures images that a measure makes of those already measured, adding to `result`.
  ///
  /// - Parameters:
  ///   - measure: the measure.
  ///   - groups: places among the result's items, a group for each image that is made.
  ///   - network: a network that was ``prepared(_:)``.
  ///   - workers: threads.
  ///   - result: what was measured; the values are added to it.
  ///   - image: an image by its place in the data set, [1, H, W, 3], normalized.
  ///   - done: told how many are measured.
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
