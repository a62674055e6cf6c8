import Components
import Tensors

/// The grid pointing game (Böhle et al. 2021). Images of different classes form a grid. The value is the share of each
/// class's map, of its positive part, that lies on the class's own image; a uniform map has one over the number of
/// images.
///
/// As in the paper, the images are those that the network classifies correctly with a probability of at least one half,
/// the most confident ones first. To compare networks on the same grids, `choose: fixed` takes images by their order and
/// labels alone.
public struct GridPointing: CompositeMeasure {
  /// The choice of images.
  public enum Choice: String, Sendable, CaseIterable {
    /// The images that the network classifies correctly with the highest probability.
    case confident
    /// Images drawn from the seed, whatever the network predicts.
    case fixed
  }

  public let name = "grid_pointing"
  public let isHigherBetter: Bool? = true
  public let aspect: MeasureAspect? = .localization
  /// The numbers of rows and columns of images in a grid.
  public var rows, columns: Int
  /// The largest number of grids.
  public var grids: Int
  /// The choice of images.
  public var choose: Choice
  /// The seed of fixed choices.
  public var seed: Int

  /// Creates the measure; by default at most 50 grids of 2×2 confident images.
  public init(rows: Int = 2, columns: Int = 2, grids: Int = 50, choose: Choice = .confident, seed: Int = 0) {
    (self.rows, self.columns, self.grids, self.choose, self.seed) = (rows, columns, grids, choose, seed)
  }

  /// Creates the measure for square grids.
  public init(side: Int) { self.init(rows: side, columns: side) }

  public mutating func visit(_ keys: Keys) {
    var side: Int?
    var (rows, columns) = (Optional(self.rows), Optional(self.columns))
    keys("side", &side, .alternative(.integer(2...8)))
    if let side { (rows, columns) = (side, side) }
    keys("rows", &rows, .alternative(.integer(1...8)))
    keys("columns", &columns, .alternative(.integer(1...8)))
    if let rows, let columns { (self.rows, self.columns) = (rows, columns) }
    if let side, side != self.rows || side != self.columns {
      keys.refuse("side", "\(side)×\(side) images, but rows and columns say \(self.rows)×\(self.columns)")
    }
    if cells < 2 { keys.refuse("rows", "a grid of one image says nothing; it needs at least two") }
    keys("grids", &grids, .integer(1...100_000))
    keys("choose", &choose, .choice())
    keys("seed", &seed, .integer(0...(.max)))
  }

  /// `grid_pointing`, followed by the size unless it is 2×2, and by the choice unless it is the default one.
  public var resultName: String {
    name + (rows == 2 && columns == 2 ? "" : "_\(rows)x\(columns)")
      + (choose == .confident ? "" : "_\(choose.rawValue)")
  }

  public var explanation: String {
    "Grid pointing game: the share of a class's positive saliency on its own image in a grid of \(rows)×\(columns) "
      + (choose == .confident ? "images." : "images, which are the same for all networks.")
  }

  private var cells: Int { rows * columns }

  public func obstacle(_ conditions: MeasureConditions) -> String? {
    guard conditions.dataClasses < cells || conditions.images < cells else { return nil }
    return
      "needs \(cells) classes and images for grids of \(rows)×\(columns) images; there are \(conditions.dataClasses) "
      + "classes, and \(conditions.images) images are measured"
  }

  public var footprint: MeasureFootprint { MeasureFootprint(pixels: Double(cells)) }

  public func groups(of items: [MeasuredItem]) -> [[Int]] {
    guard choose == .confident else {
      return ImageGroups.fixed(of: items, size: cells, atMost: grids, seed: seed)
    }
    var queues = Dictionary(
      grouping: items.indices.filter { items[$0].isCorrect && items[$0].confidence >= 0.5 }, by: { items[$0].label })
    for label in queues.keys { queues[label]?.sort { items[$0].confidence > items[$1].confidence } }
    var groups: [[Int]] = []
    while groups.count < grids {
      // The classes with the most remaining images come first.
      let labels = queues.filter { !$0.value.isEmpty }
        .sorted { ($0.value.count, $1.key) > ($1.value.count, $0.key) }.map(\.key).prefix(cells)
      guard labels.count == cells else { break }
      groups.append(labels.compactMap { queues[$0]?.removeFirst() })
    }
    return groups
  }

  public func composed(_ images: [Tensor], of items: [MeasuredItem]) -> CompositeImage {
    let lines = (0..<rows).map { row in
      Tensor.concatenated(Array(images[(row * columns)..<((row + 1) * columns)]), axis: 2)
    }
    return CompositeImage(.concatenated(lines, axis: 1))
  }

  /// The value of each cell.
  public func values(ofComposite image: EvaluatedImage, at setting: MapSetting) -> [Score.Value] {
    image.labels.enumerated().map { cell, label in
      image.map(of: label, at: setting).gridPointing(cell: cell, rows: rows, columns: columns)
    }
  }
}

extension ImageMap {
  /// The share of positive saliency in one cell of a grid of images.
  ///
  /// - Parameters:
  ///   - cell: the cell's index in reading order.
  ///   - rows: the number of rows of cells.
  ///   - columns: the number of columns of cells.
  /// - Returns: the share, or the reason why it is undefined.
  public func gridPointing(cell: Int, rows: Int, columns: Int) -> Score.Value {
    let (cellWidth, cellHeight) = (width / columns, height / rows)
    let (x, y) = (cell % columns * cellWidth, cell / columns * cellHeight)
    return energy(in: Region(width: width, height: height, boxes: [(x..<(x + cellWidth), y..<(y + cellHeight))]))
  }
}
