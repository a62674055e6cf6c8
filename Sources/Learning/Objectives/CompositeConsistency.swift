import Components
import Saliency
import Tensors

/// Consistency of an image's map with its map inside of a composite: the mean over layers and weights of
///
///     Σ_u |C(u) / Σ C − G(u) / Σ G|
///
/// where C is the positive part of the label's map of a composite, in one cell of which the image stands among other images, and G is
/// the positive part of the label's map of the image alone, placed in that cell and 0 elsewhere. It is Grad-CAM consistency (Pillai and
/// Pirsiavash 2021, "Explainable Models with Consistent Interpretations"), for any method. Their loss is the mean over locations instead
/// of the sum; the sum lies between 0 and 2 at every resolution. Both maps are differentiated. At virtual weights each map is made
/// after the update of its own pass towards the label.
///
/// A map without a positive value stays 0.
public struct CompositeConsistency: OuterObjective {
  public let name = "composite_consistency"
  public let mapDemand: MapDemand? = .place
  /// The weights at which maps are made; the value is the mean over them.
  public var at: [MapWeights]
  /// The composites.
  var composites: Composites

  /// Creates the objective; by default in composites of 2×2 images at full size, at the network's own weights.
  ///
  /// - Parameters:
  ///   - at: the weights at which maps are made.
  ///   - grid: the number of rows and of columns of a composite.
  ///   - scale: the side of a cell, relative to an image of the batch.
  public init(at: [MapWeights] = [.plain], grid: Int = 2, scale: Double = 1) {
    (self.at, composites) = (at, Composites(grid: grid, scale: scale))
  }

  public mutating func visit(_ keys: Keys) {
    keys("at", &at, .list(.choice(), atLeast: 1))
    keys("grid", &composites.grid, .integer(2...8))
    keys("scale", &composites.scale, .number(0.1...1))
    keys.requireDistinct("at", at.map(\.rawValue))
  }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(
      layers: maps.layers, usesVirtualWeights: at.contains(.virtual), classes: 2, images: 2,
      composition: composites)
  }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let (maps, labels, composites) = (images.maps, images.labels, composites)
    let cells = images.draws.map { composites.cell($0) }
    let alone = composites.cells(cells, of: images.images)
    return at.map { kind in
      let weights: PassRequest.Weights = kind == .plain ? .plain : .virtual(towards: labels)
      return ObjectiveTerm([
        PassRequest(weights, layers: maps.layers), PassRequest(weights, images: alone, layers: maps.layers),
      ]) { passes in
        let both = passes.map { $0.maps(maps.method, of: labels, at: maps.layers, createGraph: true) }
        let distances = zip(both[0], both[1]).map { composite, own in
          let placed = composites.placed(own, in: cells, height: composite.shape[1], width: composite.shape[2])
          return (Self.shares(composite) - Self.shares(placed)).abs.sum([1, 2])
        }
        return distances.mean / Double(at.count)
      }
    }
  }

  /// The positive part of maps [N, h, w], divided by its sum.
  private static func shares(_ map: Tensor) -> Tensor {
    let positive = map.relu
    return positive * positive.sum([1, 2], keepDims: true).reciprocalOrZero
  }
}

/// Composites: for each image of a batch a grid in which it stands in one random cell, among other images of the batch. These are of
/// other classes where the batch has such.
struct Composites: ImageComposition {
  /// The number of rows and of columns.
  var grid: Int
  /// The side of a cell, relative to an image of the batch.
  var scale: Double

  var pixels: Double { Double(grid * grid) * scale * scale }

  func count(of batch: Int) -> Int { batch }

  /// The cell in which an image with this random number stands, row by row.
  func cell(_ draw: UInt64) -> Int { Int(draw % UInt64(grid * grid)) }

  func callAsFunction(_ batch: MetaStep.Batch) -> MetaStep.Batch {
    let sides = [1, 2].map { max(1, Int((Double(batch.images.shape[$0]) * scale).rounded())) }
    let small = batch.images.resized(height: sides[0], width: sides[1])
    let composed = batch.labels.indices.map { image in
      var random = RandomSource(seed: batch.draws[image], purpose: "composite")
      let others = batch.labels.indices.filter { $0 != image }
      let different = others.filter { batch.labels[$0] != batch.labels[image] }
      let around = [different, others, [image]].first { !$0.isEmpty }?.shuffled(using: &random) ?? [image]
      let own = cell(batch.draws[image])
      let tiles = (0..<(grid * grid)).map { cell in
        small.sliced(axis: 0, from: cell == own ? image : around[cell % around.count], length: 1)
      }
      let rows = (0..<grid).map { Tensor.concatenated(Array(tiles[($0 * grid)..<(($0 + 1) * grid)]), axis: 2) }
      return Tensor.concatenated(rows, axis: 1)
    }
    return MetaStep.Batch(
      images: .concatenated(composed, axis: 0), labels: batch.labels, targets: batch.targets, draws: batch.draws)
  }

  /// The images that stand in one cell of each composite [N, H, W, C].
  func cells(_ cells: [Int], of composites: Tensor) -> Tensor {
    let (height, width) = (composites.shape[1] / grid, composites.shape[2] / grid)
    return .concatenated(
      cells.enumerated().map { index, cell in
        composites.sliced(axis: 0, from: index, length: 1)
          .sliced(axis: 1, from: cell / grid * height, length: height)
          .sliced(axis: 2, from: cell % grid * width, length: width)
      }, axis: 0)
  }

  /// Places each of some maps [N, h, w] in a cell of a map [N, height, width] that is 0 elsewhere. Maps are resized where the cell has
  /// another size.
  func placed(_ maps: Tensor, in cells: [Int], height: Int, width: Int) -> Tensor {
    func span(_ index: Int, _ size: Int) -> Range<Int> {
      let start = min(index * size / grid, size - 1)
      return start..<max(start + 1, (index + 1) * size / grid)
    }
    let (h, w) = (maps.shape[1], maps.shape[2])
    let placed = cells.enumerated().map { index, cell in
      let (rows, columns) = (span(cell / grid, height), span(cell % grid, width))
      return maps.sliced(axis: 0, from: index, length: 1).reshaped([1, h, w, 1])
        .resized(height: rows.count, width: columns.count)
        .padded(axis: 1, before: rows.lowerBound, after: height - rows.upperBound)
        .padded(axis: 2, before: columns.lowerBound, after: width - columns.upperBound)
    }
    return Tensor.concatenated(placed, axis: 0).reshaped([cells.count, height, width])
  }
}
