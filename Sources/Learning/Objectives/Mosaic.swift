import Components
import Saliency
import Tensors

/// The share of a map that lies on tiles of other classes, in a mosaic of four images: the grid pointing game (Böhle et
/// al. 2021, "Convolutional Dynamic Alignment Networks", section 5.2) as a training loss. It is the mean over the
/// tiles' classes and over layers of 1 − Σ_tile m⁺ / Σ m⁺, where m⁺ is the positive part of the map. Each image of a
/// batch forms a mosaic with three others, of different classes if possible, each at half its size.
public struct Mosaic: OuterObjective {
  public let name = "mosaic"
  /// The weights at which maps are made; the value is the mean over these.
  public var at: [MapWeights]

  /// Creates the objective; by default maps are made at plain weights.
  public init(at: [MapWeights] = [.plain]) { self.at = at }

  public mutating func visit(_ keys: Keys) {
    keys("at", &at, .list(.choice(), atLeast: 1))
    if Set(at).count < at.count { keys.refuse("at", "the same weights twice") }
  }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(usesVirtualWeights: at.contains(.virtual), classes: 2)
  }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let batch = images.batch
    // tiles[image]: the indices of the mosaic's four images, in reading order.
    let tiles = images.range.map { Self.tiles($0, labels: batch.labels, draw: batch.draws[$0]) }
    let mosaics = Tensor.concatenated(tiles.map { Self.tiled($0, of: batch.images) }, axis: 0)
    let maps = images.maps
    let labels = tiles.map { $0.map { batch.labels[$0] } }
    // classes[tile]: the class of this tile in each mosaic.
    let classes = (0..<4).map { tile in labels.map { $0[tile] } }
    return at.map { weights in
      let passes = classes.map { classes in
        PassRequest(weights == .plain ? .plain : .virtual(towards: classes), images: mosaics, layers: maps.layers)
      }
      return ObjectiveTerm(passes) { passes in
        let outside = zip(classes, passes).flatMap { classes, pass in
          pass.maps(maps.method, of: classes, at: maps.layers, createGraph: true).map { map in
            1 - Self.share(of: map, on: zip(labels, classes).map { labels, class_ in labels.map { $0 == class_ } })
          }
        }
        return outside.dropFirst().reduce(outside[0]) { $0 + $1 } / Double(outside.count * at.count)
      }
    }
  }

  /// The image and three others of the batch, in random order. Images of the same class, or repeated images, are used
  /// only if there are too few others.
  private static func tiles(_ image: Int, labels: [Int], draw: UInt64) -> [Int] {
    var random = RandomSource(seed: draw, purpose: "mosaic")
    let others = labels.indices.filter { $0 != image }.shuffled(using: &random)
    var (tiles, seen) = ([image], Set([labels[image]]))
    for other in others where tiles.count < 4 && seen.insert(labels[other]).inserted { tiles.append(other) }
    for other in others where tiles.count < 4 && !tiles.contains(other) { tiles.append(other) }
    while tiles.count < 4 { tiles.append(tiles[tiles.count - 1]) }
    return tiles.shuffled(using: &random)
  }

  /// Four images in two rows and two columns, each at half its size: [1, H, W, 3].
  private static func tiled(_ tiles: [Int], of images: Tensor) -> Tensor {
    let (height, width) = (images.shape[1], images.shape[2])
    let (heights, widths) = ([height / 2, height - height / 2], [width / 2, width - width / 2])
    return .concatenated(
      (0..<2).map { row in
        .concatenated(
          (0..<2).map { column in
            images.sliced(axis: 0, from: tiles[2 * row + column], length: 1)
              .resized(height: max(1, heights[row]), width: max(1, widths[column]))
          }, axis: 2)
      }, axis: 1)
  }

  /// The share of the map's positive part, [N, H, W], that lies on the given tiles of each mosaic: [N]. A location on
  /// the border between tiles is divided among them by area. The share is 0 if no value of the map is positive.
  private static func share(of map: Tensor, on tiles: [[Bool]]) -> Tensor {
    let (height, width) = (map.shape[1], map.shape[2])
    // The share of each row, or column, that belongs to the first half.
    func first(_ count: Int) -> [Double] { (0..<count).map { min(1, max(0, Double(count) / 2 - Double($0))) } }
    let (rows, columns) = (first(height), first(width))
    let covers = tiles.flatMap { tiles in
      rows.flatMap { upper in
        columns.map { left in
          let shares = [upper * left, upper * (1 - left), (1 - upper) * left, (1 - upper) * (1 - left)]
          return zip(shares, tiles).reduce(0) { $1.1 ? $0 + $1.0 : $0 }
        }
      }
    }
    let positive = map.relu
    let inside = positive * Tensor(covers, shape: map.shape).converted(to: map.scalarType)
    return inside.sum([1, 2]) * positive.sum([1, 2]).reciprocalOrZero
  }
}
