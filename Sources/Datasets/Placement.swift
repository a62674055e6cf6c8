import Formats

/// Maps annotations from the image that was annotated to the image that was read and rotated upright.
///
/// If the annotated size is the upright size, nothing changes. If it is the size of the stored pixels, the annotation
/// tool ignored the Exif orientation, and annotations are rotated with the image. If it has the same aspect ratio but
/// another size, the image was resized since, and annotations are scaled. If the sizes cannot tell a rotated image from
/// an upright one (a square, a rotation by 180°, no stated size), annotations are taken as drawn on the upright image,
/// which is what current tools show.
struct Placement {
  /// The size of the upright image, and the size of the annotated one.
  let size, drawn: PixelSize
  /// The orientation to apply to annotations; upright unless they were drawn on the stored pixels.
  private let orientation: Orientation
  /// Whether the image was rotated and the sizes cannot tell whether the annotations must be rotated too.
  let isUncertain: Bool

  /// Finds the mapping for annotations of an image of size `drawn`, nil if it is not stated, to the image in a file.
  /// `path` is for messages. Throws a `FileError` with both sizes if they cannot belong to one image.
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

  /// Maps a point, in pixels from the upper left corner.
  func point(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    let (x, y) = orientation.applied(x: x, y: y, in: drawn)
    let turned = orientation.turned(drawn)
    return (
      x * Double(size.width) / Double(turned.width), y * Double(size.height) / Double(turned.height)
    )
  }

  /// Maps a box given by its left, upper, right and lower edges.
  func box(_ box: [Double]) -> [Double] {
    let (a, b) = (point(box[0], box[1]), point(box[2], box[3]))
    return [min(a.x, b.x), min(a.y, b.y), max(a.x, b.x), max(a.y, b.y)]
  }

  /// Maps a polygon given by alternating x and y.
  func polygon(_ polygon: [Double]) -> [Double] {
    stride(from: 0, to: polygon.count - 1, by: 2).flatMap { index in
      let point = point(polygon[index], polygon[index + 1])
      return [point.x, point.y]
    }
  }

  /// Maps a mask of the annotated image, row by row.
  func mask(_ mask: [Bool]) -> [Bool] {
    orientation.applied(to: mask, of: drawn).resized(from: orientation.turned(drawn), to: size)
  }
}

extension PixelSize {
  /// Whether an image of one size can result from resizing an image of the other size: whether one factor maps both
  /// sides, within the rounding of a pixel.
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
  /// The mask, or nil if it covers no pixel.
  var nonEmpty: [Bool]? { contains(true) ? self : nil }

  /// Resizes a mask by nearest neighbor: each pixel takes the value of the pixel that contains its center.
  func resized(from old: PixelSize, to new: PixelSize) -> [Bool] {
    if old == new { return self }
    return (0..<(new.width * new.height)).map { i in
      self[
        (2 * (i / new.width) + 1) * old.height / (2 * new.height) * old.width
          + (2 * (i % new.width) + 1) * old.width / (2 * new.width)]
    }
  }
}
