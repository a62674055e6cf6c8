import Formats

/// How what was drawn on an image goes with the image that was read of it.
///
/// Where the size it was drawn on is the image's, nothing is to be done. Where that is the size in which the file's pixels are
/// stored, it was drawn by a tool that does not look at the Exif orientation, and turns with the image. Where a size is another
/// but of the same shape, the image was made smaller or larger since. Where the sizes cannot tell a turned image from an upright
/// one (a square, a half turn, no size stated), it counts as drawn on the upright image, which is what today's tools show.
struct Placement {
  /// The size that the image has and that was drawn on.
  let size, drawn: PixelSize
  /// Upright unless it was drawn on the stored pixels.
  private let orientation: Orientation
  /// Whether the image was turned and the sizes cannot tell whether what was drawn has to be.
  let isUncertain: Bool

  /// Places what was drawn on an image of size `drawn`, nil where that is not stated, in the image of a file. The path is
  /// for messages. A ``FileError`` with both sizes is thrown if they cannot be of one image.
  init(drawnOn drawn: PixelSize?, _ file: ImageFile, _ path: String) throws {
    size = file.image.size
    let stored = file.orientation.turned(size)
    self.drawn = drawn ?? size
    if self.drawn == size || (self.drawn != stored && self.drawn.hasShape(of: size)) {
      orientation = .upright
    } else if self.drawn == stored || self.drawn.hasShape(of: stored) {
      orientation = file.orientation
    } else {
      throw FileError(
        .malformed, path, "an image of \(size) pixels, but its annotation is for \(self.drawn)")
    }
    isUncertain = file.orientation != .upright && (drawn == nil || stored.hasShape(of: size))
  }

  /// A point, in pixels from the upper left corner.
  func point(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    let (x, y) = orientation.applied(x: x, y: y, in: drawn)
    let turned = orientation.turned(drawn)
    return (
      x * Double(size.width) / Double(turned.width), y * Double(size.height) / Double(turned.height)
    )
  }

  /// A box of a left, upper, right and lower edge.
  func box(_ box: [Double]) -> [Double] {
    let (a, b) = (point(box[0], box[1]), point(box[2], box[3]))
    return [min(a.x, b.x), min(a.y, b.y), max(a.x, b.x), max(a.y, b.y)]
  }

  /// A polygon's x and y in turn.
  func polygon(_ polygon: [Double]) -> [Double] {
    stride(from: 0, to: polygon.count - 1, by: 2).flatMap { index in
      let point = point(polygon[index], polygon[index + 1])
      return [point.x, point.y]
    }
  }

  /// What there is for each pixel that was drawn on.
  func mask(_ mask: [Bool]) -> [Bool] {
    orientation.applied(to: mask, of: drawn).resized(from: orientation.turned(drawn), to: size)
  }
}

extension PixelSize {
  /// Whether an image of this size can have been made of one of the other by resizing: whether there is a factor by which one
  /// becomes the other, each side to within a pixel's rounding.
  func hasShape(of other: PixelSize) -> Bool { isScaled(other) || other.isScaled(self) }

  private func isScaled(_ other: PixelSize) -> Bool {
    func factors(_ side: Int, _ other: Int) -> (least: Double, most: Double) {
      (Double(side - 1) / Double(other), Double(side + 1) / Double(other))
    }
    let (a, b) = (factors(width, other.width), factors(height, other.height))
    return max(a.least, b.least) < min(a.most, b.most)
  }
}

extension [Bool] {
  /// The mask; nil if it covers nothing.
  var nonEmpty: [Bool]? { contains(true) ? self : nil }

  /// A mask of one size as one of another: each pixel as the one that its centre lies in.
  func resized(from old: PixelSize, to new: PixelSize) -> [Bool] {
    if old == new { return self }
    return (0..<(new.width * new.height)).map { i in
      self[
        (2 * (i / new.width) + 1) * old.height / (2 * new.height) * old.width
          + (2 * (i % new.width) + 1) * old.width / (2 * new.width)]
    }
  }
}
