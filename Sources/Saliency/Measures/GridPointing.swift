import Components
import Tensors

/// The grid pointing game (Böhle et al. 2021). Images of different classes that the network classifies with confidence
/// form a square grid. The value is the share of each class's map, of its positive part, that lies on the class's own
/// image.
public struct GridPointing: CompositeMeasure {
  public let name = "grid_pointing"
  public let explanation =
    "Grid pointing game: the share of a class's positive saliency on its own image in a grid of images."
  public let isHigherBetter: Bool? = true
  /// The number of images on a side.
  public var side: Int
  /// The largest number of grids.
  private static let limit = 50

  /// Creates the measure; by default grids have 2×2 images.
  public init(side: Int = 2) { self.side = side }

  public mutating func visit(_ keys: Keys) { keys("side", &side, .integer(2...8)) }

  private var cells: Int { side * side }

  public func obstacle(_ conditions: MeasureConditions) -> String? {
    guard conditions.dataClasses < cells || conditions.images < cells else { return nil }
    return
      "needs \(cells) classes and images for grids of \(side)×\(side) images; there are \(conditions.dataClasses) classes, "
      + "and \(conditions.images) images are measured"
  }

  public var footprint: MeasureFootprint { MeasureFootprint(pixels: Double(cells)) }

  /// Groups the images that are classified correctly with a probability of at least one half. Those with the highest
  /// probability in each class come first.
  public func groups(of items: [MeasuredItem]) -> [[Int]] {
    var queues = Dictionary(
      grouping: items.indices.filter { items[$0].isCorrect && items[$0].confidence >= 0.5 }, by: { items[$0].label })
    for label in queues.keys { queues[label]?.sort { items[$0].confidence > items[$1].confidence } }
    var grids: [[Int]] = []
    while grids.count < Self.limit {
      // The classes with the most remaining images come first.
      let labels = queues.filter { !$0.value.isEmpty }
        .sorted { ($0.value.count, $1.key) > ($1.value.count, $0.key) }.map(\.key).prefix(cells)
      guard labels.count == cells else { break }
      grids.append(labels.compactMap { queues[$0]?.removeFirst() })
    }
    return grids
  }

  public func composed(_ images: [Tensor]) -> Tensor {
    let rows = (0..<side).map { row in
      Tensor.concatenated(Array(images[(row * side)..<((row + 1) * side)]), axis: 2)
    }
    return .concatenated(rows, axis: 1)
  }

  /// The value of each cell.
  public func values(ofComposite image: EvaluatedImage, at setting: MapSetting) -> [Score.Value] {
    image.labels.enumerated().map { cell, label in
      image.map(of: label, at: setting).gridPointing(cell: cell, cells: side)
    }
  }
}

extension ImageMap {
  /// The share of positive saliency in one cell of a grid of n×n images.
  ///
  /// - Parameters:
  ///   - cell: the cell's index in reading order.
  ///   - n: the number of cells on a side.
  /// - Returns: the share, or the reason why it is undefined.
  public func gridPointing(cell: Int, cells n: Int) -> Score.Value {
    let (columns, rows) = (width / n, height / n)
    let (x, y) = (cell % n * columns, cell / n * rows)
    return energy(in: Region(width: width, height: height, boxes: [(x..<(x + columns), y..<(y + rows))]))
  }
}
