import Components
import Saliency
import Tensors

/// Mosaics: grids of a batch's images, as in the grid pointing game (Böhle et al. 2021, "Convolutional Dynamic Alignment Networks",
/// section 5.2). The images of a mosaic are of different classes where the batch has enough of them.
public struct Mosaics: ImageComposition {
  /// The number of rows and of columns.
  public var grid: Int
  /// The side of a cell, relative to an image of the batch. Images keep their size at 1; at 1 / grid a mosaic has the size of one image.
  public var scale: Double
  /// How much images vary in size and place: each has a random size between 1 − jitter and 1 of its cell and lies at a random place in it.
  /// The rest of the cell is 0, the mean color, and belongs to no class.
  public var jitter: Double
  /// In how many mosaics each image stands on average.
  public var repeats: Double

  /// Creates mosaics; by default of 2×2 images at full size, and each image stands in one of them.
  public init(grid: Int = 2, scale: Double = 1, jitter: Double = 0, repeats: Double = 1) {
    (self.grid, self.scale, self.jitter, self.repeats) = (grid, scale, jitter, repeats)
  }

  /// Names the keys, for objectives that look at mosaics.
  public mutating func visit(_ keys: Keys) {
    keys("grid", &grid, .integer(2...8))
    keys("scale", &scale, .number(0.1...1))
    keys("jitter", &jitter, .number(0...0.9))
    keys("repeats", &repeats, .number(0.01...100))
  }

  public var pixels: Double { Double(grid * grid) * scale * scale }

  public func count(of batch: Int) -> Int { max(1, Int((Double(batch) * repeats / Double(grid * grid)).rounded())) }

  /// The smallest number of classes that mosaics need.
  static let classes = 2

  public func callAsFunction(_ batch: MetaStep.Batch) -> MetaStep.Batch {
    var random = RandomSource(seed: batch.draws.reduce(0) { $0 &* 31 &+ $1 }, purpose: "mosaics")
    let tiles = chosen(count(of: batch.labels.count), batch.labels, &random)
    let mosaics = tiles.map { mosaic($0, of: batch, &random) }
    let targets = Tensor.concatenated(
      tiles.map { tiles in
        tiles.dropFirst().reduce(target(tiles[0], batch)) { $0 + target($1, batch) } / Double(grid * grid)
      }, axis: 0)
    return MetaStep.Batch(
      images: .concatenated(mosaics.map(\.image), axis: 0), labels: tiles.map { batch.labels[$0[0]] }, targets: targets,
      draws: tiles.map { _ in random.next() }, objects: mosaics.map(\.objects))
  }

  private func target(_ index: Int, _ batch: MetaStep.Batch) -> Tensor {
    batch.targets.sliced(axis: 0, from: index, length: 1)
  }

  /// The images of each mosaic. The batch's images are dealt in a random order, again and again. An image of a class that the mosaic
  /// already has waits for the next mosaic, unless the batch has no other class.
  private func chosen(_ count: Int, _ labels: [Int], _ random: inout RandomSource) -> [[Int]] {
    let available = Set(labels)
    var waiting: [Int] = []
    return (0..<count).map { _ in
      var (tiles, classes) = ([Int](), Set<Int>())
      while tiles.count < grid * grid {
        let missing = available.subtracting(classes)
        if waiting.isEmpty || (!missing.isEmpty && !waiting.contains { missing.contains(labels[$0]) }) {
          waiting += labels.indices.shuffled(using: &random)
        }
        let tile = waiting.remove(at: waiting.firstIndex { missing.contains(labels[$0]) } ?? 0)
        tiles.append(tile)
        classes.insert(labels[tile])
      }
      return tiles
    }
  }

  private func mosaic(
    _ tiles: [Int], of batch: MetaStep.Batch, _ random: inout RandomSource
  ) -> (image: Tensor, objects: [MetaStep.Batch.Object]) {
    let sides = [1, 2].map { max(1, Int((Double(batch.images.shape[$0]) * scale).rounded())) }
    let (height, width) = (grid * sides[0], grid * sides[1])
    var objects: [MetaStep.Batch.Object] = []
    let cells = tiles.enumerated().map { cell, tile in
      // The size and the place in the cell, vertically and horizontally.
      let size = 1 - (jitter > 0 ? jitter * random.uniform() : 0)
      let lengths = sides.map { max(1, Int((Double($0) * size).rounded())) }
      let starts = zip(sides, lengths).map { $0 > $1 ? Int.random(in: 0...($0 - $1), using: &random) : 0 }
      let (top, left) = (cell / grid * sides[0] + starts[0], cell % grid * sides[1] + starts[1])
      let box = (columns: left..<(left + lengths[1]), rows: top..<(top + lengths[0]))
      objects.append(
        .init(label: batch.labels[tile], region: Region(width: width, height: height, boxes: [box])))
      let image = batch.images.sliced(axis: 0, from: tile, length: 1)
      return [0, 1].reduce(image.resized(height: lengths[0], width: lengths[1])) {
        $0.padded(axis: $1 + 1, before: starts[$1], after: sides[$1] - lengths[$1] - starts[$1])
      }
    }
    let rows = (0..<grid).map { Tensor.concatenated(Array(cells[($0 * grid)..<(($0 + 1) * grid)]), axis: 2) }
    return (.concatenated(rows, axis: 1), objects)
  }
}
