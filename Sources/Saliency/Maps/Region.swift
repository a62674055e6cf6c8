/// A set of pixels of an image that boxes or a mask cover.
public struct Region: Sendable, Equatable {
  /// The size of the image, in pixels.
  public let width, height: Int
  /// Whether each pixel is covered, row by row.
  public private(set) var covers: [Bool]

  /// Creates a region from a mask, row by row.
  public init(width: Int, height: Int, mask: [Bool]) {
    precondition(mask.count == width * height, "Region: \(mask.count) pixels for \(width)×\(height)")
    (self.width, self.height, covers) = (width, height, mask)
  }

  /// Creates a region from boxes, which are clipped to the image.
  public init(width: Int, height: Int, boxes: [(columns: Range<Int>, rows: Range<Int>)]) {
    (self.width, self.height) = (width, height)
    covers = [Bool](repeating: false, count: width * height)
    for box in boxes {
      for y in box.rows.clamped(to: 0..<height) {
        for x in box.columns.clamped(to: 0..<width) { covers[y * width + x] = true }
      }
    }
  }

  /// The union with another region of the same image.
  public func union(_ other: Region) -> Region {
    Region(width: width, height: height, mask: zip(covers, other.covers).map { $0 || $1 })
  }

  /// The share of the image's pixels that are covered.
  public var share: Double { Double(covers.count { $0 }) / Double(max(1, covers.count)) }

  /// Whether a covered pixel lies within this Euclidean distance, in pixels.
  public func contains(x: Int, y: Int, within tolerance: Int) -> Bool {
    for row in max(0, y - tolerance)..<min(height, y + tolerance + 1) {
      for column in max(0, x - tolerance)..<min(width, x + tolerance + 1) where covers[row * width + column] {
        if (row - y) * (row - y) + (column - x) * (column - x) <= tolerance * tolerance { return true }
      }
    }
    return false
  }
}
