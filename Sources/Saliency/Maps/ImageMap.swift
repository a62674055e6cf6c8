import Tensors

/// A saliency map at an image's resolution, with the properties that measures use.
public struct ImageMap: Sendable {
  /// The size of the image, in pixels.
  public let width, height: Int
  /// The values, row by row.
  public let values: [Double]
  /// The state of the map before resizing, since resizing adds rounding errors.
  public let state: MapState
  /// The largest difference between values that counts as a tie; see `ScalarType.mapTolerance`.
  public let tolerance: Double
  /// The map before it is resized, [1, h, w].
  private let source: Tensor

  /// Resizes a map [h, w] or [1, h, w] bilinearly to an image.
  public init(_ map: Tensor, width: Int, height: Int) {
    (self.width, self.height) = (width, height)
    let own = Array(map.shape.suffix(2))
    state = map.mapState
    source = map.detached().reshaped([1] + own)
    values = source.reshaped([1] + own + [1]).resized(height: height, width: width).doubles
    tolerance = map.scalarType.mapTolerance * values.reduce(0) { max($0, abs($1)) }
  }

  /// The map at the layer's own resolution.
  public var unresized: ImageMap { ImageMap(source, width: source.shape[2], height: source.shape[1]) }

  /// The pixel with the largest value; among equal values the first in reading order.
  public var peak: (x: Int, y: Int) {
    let largest = values.max() ?? 0
    let index = values.firstIndex { $0 >= largest - tolerance } ?? 0
    return (index % width, index / width)
  }

  /// The values multiplied by the power of two that brings the largest magnitude into [1, 2); values that are zero up
  /// to rounding are 0. Sums and squares of the result are finite, and results that do not depend on the map's scale
  /// are the same bit for bit.
  public var scaled: [Double] {
    let largest = values.reduce(0) { max($0, abs($1)) }
    guard largest > 0, largest.isFinite else { return values }
    let exponent = max(-1000, min(1000, -Int(largest.exponent)))
    let scale = Double(sign: .plus, exponent: exponent, significand: 1)
    return values.map { abs($0) <= tolerance ? 0 : $0 * scale }
  }

  /// Groups of pixels whose values are ties, from low to high values; within a group the pixels are in reading order. A
  /// group spans at most the tolerance, starting at its smallest value. Values whose magnitude is at most the tolerance
  /// count as zero.
  ///
  /// Both ranks and the order of removal are based on these groups, so that values that are equal in exact arithmetic
  /// are ties in every measure.
  var ties: [[Int]] {
    let values = values.map { abs($0) <= tolerance ? 0 : $0 }
    let order = values.indices.sorted { values[$0] < values[$1] }
    var groups: [[Int]] = []
    var least = -Double.infinity
    for pixel in order {
      if values[pixel] - least > tolerance {
        least = values[pixel]
        groups.append([])
      }
      groups[groups.count - 1].append(pixel)
    }
    return groups.map { $0.count == 1 ? $0 : $0.sorted() }
  }

  /// The pixels in the order of their values, the largest first; ties are in reading order.
  public var order: [Int] { ties.reversed().flatMap(\.self) }

  /// The distance of each pixel's rank from the middle rank, and the sum of the squared distances; nil unless the map
  /// is defined. Ties have their mean rank. The distances are multiples of ½, so that sums of products are exact.
  var ranks: (centered: [Double], squares: Double)? {
    guard state == .defined else { return nil }
    var centered = [Double](repeating: 0, count: values.count)
    var (start, squares) = (0, 0.0)
    for group in ties {
      // The mean of the ranks from start + 1 to start + n, minus (count + 1) / 2.
      let rank = Double(2 * start + group.count - values.count) / 2
      for pixel in group { centered[pixel] = rank }
      squares += rank * rank * Double(group.count)
      start += group.count
    }
    return squares > 0 ? (centered, squares) : nil
  }

  /// Class sensitivity ("There and Back Again", section 4.2): Spearman's rank correlation between this map and another.
  /// For the maps of two classes lower is better, and at 1 the map does not depend on the class. It also compares a map
  /// with that of a randomized network (Adebayo et al. 2018). It is undefined unless both maps are defined.
  public func rankCorrelation(with other: ImageMap) -> Score.Value {
    precondition(
      values.count == other.values.count, "rankCorrelation: \(values.count) pixels against \(other.values.count)")
    for map in [self, other] {
      if map.state == .notFinite { return .undefined(MapState.notFinite.rawValue) }
    }
    guard let own = ranks, let others = other.ranks else { return .undefined(MapState.constant.rawValue) }
    let products = zip(own.centered, others.centered).reduce(0) { $0 + $1.0 * $1.1 }
    return .defined(products / (own.squares * others.squares).squareRoot())
  }

  /// The mean rank correlation over all pairs of defined maps. For n unit vectors r it is (|Σ r|² − n) / (n² − n),
  /// which needs no loop over pairs.
  public static func meanRankCorrelation(_ maps: [ImageMap]) -> Score.Value {
    var sum: [Double] = []
    var count = 0.0
    for ranks in maps.lazy.compactMap(\.ranks) {
      let length = ranks.squares.squareRoot()
      if sum.isEmpty { sum = [Double](repeating: 0, count: ranks.centered.count) }
      for pixel in sum.indices { sum[pixel] += ranks.centered[pixel] / length }
      count += 1
    }
    guard count > 1 else {
      let isFinite = maps.allSatisfy { $0.state != .notFinite }
      return .undefined((isFinite ? MapState.constant : .notFinite).rawValue)
    }
    return .defined((sum.reduce(0) { $0 + $1 * $1 } - count) / (count * (count - 1)))
  }
}
