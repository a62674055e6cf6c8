import Tensors

/// A map at an image's resolution, with what measures need to know of it.
public struct ImageMap: Sendable {
  /// Of the image, in pixels.
  public let width, height: Int
  /// Row by row.
  public let values: [Double]
  /// Whether it says nothing: all values alike, up to rounding.
  public let isConstant: Bool

  /// A map [h, w] (or [1, h, w]) resized bilinearly to an image.
  public init(_ map: Tensor, width: Int, height: Int) {
    (self.width, self.height) = (width, height)
    let own = Array(map.shape.suffix(2))
    values = map.detached().reshaped([1] + own + [1]).resized(height: height, width: width).doubles
    isConstant = map.range == nil
  }

  /// The value at which maps without content are undefined.
  static let constant = Score.Value.undefined("constant map")

  /// The pixel of the largest value, the first of equals in reading order.
  public var peak: (x: Int, y: Int) {
    let index = values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 }
    return (index % width, index / width)
  }
}

/// Whether maps find what they explain.
extension ImageMap {
  /// The pointing game (Zhang et al. 2016): 1 if the map's largest value lies in the region or within so many pixels of it,
  /// else 0 (TorchRay's disc leaves out what is exactly that far). Over a class's images this is the share of hits; the usual figure is the mean over classes.
  public func pointing(at region: Region, tolerance: Int = 15) -> Score.Value {
    guard region.share > 0 else { return .undefined("no region") }
    guard !isConstant else { return Self.constant }
    let (x, y) = peak
    return .defined(region.contains(x: x, y: y, within: tolerance) ? 1 : 0)
  }

  /// The same for the image's centre, which knows nothing of the image: what a method has to beat.
  public static func pointingOfCentre(at region: Region, tolerance: Int = 15) -> Score.Value {
    guard region.share > 0 else { return .undefined("no region") }
    return .defined(region.contains(x: region.width / 2, y: region.height / 2, within: tolerance) ? 1 : 0)
  }

  /// The share of the map's positive part that lies in the region: the energy-based pointing game (Wang et al. 2020) for
  /// boxes, the content heatmap (Pillai and Pirsiavash 2021) for masks. Chance is the region's share of the image.
  public func energy(in region: Region) -> Score.Value {
    guard region.share > 0 else { return .undefined("no region") }
    guard !isConstant else { return Self.constant }
    let positive = values.map { max(0, $0) }
    let total = positive.reduce(0, +)
    guard total > 0 else { return .undefined("no positive saliency") }
    return .defined(zip(positive, region.covers).reduce(0) { $1.1 ? $0 + $1.0 : $0 } / total)
  }

  /// The grid pointing game (Böhle et al. 2021): of an image made of n×n images, the share of positive saliency in one cell.
  ///
  /// - Parameter cell: in reading order.
  public func gridPointing(cell: Int, cells n: Int) -> Score.Value {
    let (columns, rows) = (width / n, height / n)
    let (x, y) = (cell % n * columns, cell / n * rows)
    return energy(in: Region(width: width, height: height, boxes: [(x..<(x + columns), y..<(y + rows))]))
  }

  /// The Gini index of the map's absolute values (Chalasani et al. 2020): 0 where all are alike, near 1 where few hold all.
  public var sparseness: Score.Value {
    let sorted = values.map(abs).sorted()
    let total = sorted.reduce(0, +)
    guard total > 0 else { return .undefined("no saliency") }
    let count = Double(sorted.count)
    let weighted = sorted.enumerated().reduce(0) { $0 + (2 * Double($1.offset + 1) - count - 1) * $1.element }
    return .defined(weighted / (count * total))
  }

  /// Class sensitivity ("There and Back Again", section 4.2), of the maps for two classes: their rank correlation. Lower is
  /// better; at 1 the map does not depend on the class. It also compares a map with that of a network made random (Adebayo et
  /// al. 2018). Undefined only where a map is exactly constant: rounding has ranks, too.
  public func rankCorrelation(with other: ImageMap) -> Score.Value {
    Score.Value(Saliency.rankCorrelation(values, other.values), orUndefined: "constant map")
  }

  /// Pixels in the order of their values, the largest first; equal ones in reading order.
  var order: [Int] { values.indices.sorted { values[$0] == values[$1] ? $0 < $1 : values[$0] > values[$1] } }
}
