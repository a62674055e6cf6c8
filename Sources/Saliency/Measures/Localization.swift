/// Whether maps find what they explain.
extension ImageMap {
  /// The pointing game (Zhang et al. 2016): 1 if the map's largest value lies in the region or within so many pixels of it,
  /// else 0 (TorchRay's disc leaves out what is exactly that far). Over a class's images this is the share of hits; the usual figure is the mean over classes.
  public func pointing(at region: Region, tolerance: Int = 15) -> Score.Value {
    guard region.share > 0 else { return .undefined("no region") }
    if let undefined = state.undefined { return undefined }
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
    if let undefined = state.undefined { return undefined }
    // What is positive by rounding alone is not counted, and nothing is so large that the sum of all is infinite.
    let positive = scaled.map { max(0, $0) }
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
    guard state != .notFinite else { return .undefined(state.rawValue) }
    let sorted = scaled.map(abs).sorted()
    let total = sorted.reduce(0, +)
    guard total > 0 else { return .undefined("no saliency") }
    let count = Double(sorted.count)
    let weighted = sorted.enumerated().reduce(0) { $0 + (2 * Double($1.offset + 1) - count - 1) * $1.element }
    return .defined(weighted / (count * total))
  }
}
