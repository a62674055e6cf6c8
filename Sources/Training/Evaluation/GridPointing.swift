import Learning
import Networks
import Saliency
import Tensors

/// The grid pointing game: images of different classes, which the network classifies with confidence, side by side in a
/// square; each class's map is asked how much of it lies on its own image.
struct GridPointing: Sendable {
  let evaluation: Evaluation
  /// Images on a side.
  private var side: Int { evaluation.gridSide }
  /// Grids at most.
  private let limit = 50

  init(evaluation: Evaluation) { self.evaluation = evaluation }

  /// Which of the items measured stand together in each grid: of those classified rightly with a probability of at least
  /// one half, the likeliest of each class first.
  func grids(_ items: [Evaluation.Item]) -> [[Int]] {
    var queues = Dictionary(
      grouping: items.indices.filter { items[$0].isCorrect && items[$0].confidence >= 0.5 }, by: { items[$0].label })
    for label in queues.keys { queues[label]?.sort { items[$0].confidence > items[$1].confidence } }
    var grids: [[Int]] = []
    while grids.count < limit {
      // The classes with the most images left.
      let labels = queues.filter { !$0.value.isEmpty }
        .sorted { ($0.value.count, $1.key) > ($1.value.count, $0.key) }.map(\.key).prefix(side * side)
      guard labels.count == side * side else { break }
      grids.append(labels.compactMap { queues[$0]?.removeFirst() })
    }
    return grids
  }

  /// Adds a value for each cell of a grid, for each setting.
  ///
  /// - Parameter images: of the grid's cells in reading order, [1, H, W, 3] each.
  func values(_ networks: Networks, _ images: [Tensor], labels: [Int]) -> [(Evaluation.Setting, Score.Value)] {
    let rows = (0..<side).map { row in
      Tensor.concatenated(Array(images[(row * side)..<((row + 1) * side)]), axis: 2)
    }
    let grid = Tensor.concatenated(rows, axis: 1).converted(to: evaluation.precision)
    let start = Inference(networks.explained, grid, capturing: evaluation.layers)
    var result: [(Evaluation.Setting, Score.Value)] = []
    for weights in evaluation.weights {
      for (cell, label) in labels.enumerated() {
        var inference = start
        if weights == .virtual, let update = evaluation.update {
          let moved = update.applied(
            to: networks.explained, grid, start.output, towards: [label])
          inference = Inference(moved, grid, capturing: evaluation.layers)
        }
        let all = inference.maps(evaluation.methods, of: [label], at: evaluation.layers)
        for (method, maps) in zip(evaluation.methods, all) {
          for (layer, map) in zip(evaluation.layers, maps) {
            let value = ImageMap(map, width: grid.shape[2], height: grid.shape[1]).gridPointing(cell: cell, cells: side)
            result.append((.init(method: method, layer: layer, weights: weights), value))
          }
        }
      }
    }
    return result
  }
}
