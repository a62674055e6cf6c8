import Formats

/// Resizes the shorter side of images and crops a window from the middle, to the size that the network expects. It is
/// deterministic.
public struct ResizeCrop: Sendable, Equatable {
  /// The length of the shorter side after resizing, in pixels; nil for no resizing.
  public var resize: Int?
  /// The side of the square window in pixels; nil for no cropping.
  public var crop: Int?

  /// Resizing and cropping; by default neither.
  public init(resize: Int? = nil, crop: Int? = nil) { (self.resize, self.crop) = (resize, crop) }

  /// Resizes and crops the image and the objects of a sample; objects outside the window are removed.
  ///
  /// - Throws: a `FileError` that names the image if it is smaller than the window.
  public func callAsFunction(_ sample: Sample) throws -> Sample {
    var sample = sample
    if let resize {
      // The longer side is rounded down as in torchvision.
      let (width, height) = (sample.image.width, sample.image.height)
      let longer = resize * max(width, height) / min(width, height)
      sample = sample.resized(
        width: width <= height ? resize : longer, height: width <= height ? longer : resize)
    }
    guard let crop else { return sample }
    let (width, height) = (sample.image.width, sample.image.height)
    guard min(width, height) >= crop else {
      throw FileError(
        .malformed, sample.source, "\(width)×\(height) pixels are too few for a window of \(crop)×\(crop); resize first"
      )
    }
    // Halves are rounded to even, as in Python.
    func middle(_ room: Int) -> Int { Int((Double(room) / 2).rounded(.toNearestOrEven)) }
    return sample.cropped(x: middle(width - crop), y: middle(height - crop), width: crop, height: crop)
  }
}

extension Sample {
  /// The sample with its image and its objects resized.
  public func resized(width: Int, height: Int) -> Sample {
    guard width != image.width || height != image.height else { return self }
    let before = image.size
    var result = self
    result.image = image.resized(width: width, height: height)
    func scaled(_ range: Range<Int>, _ old: Int, _ new: Int) -> Range<Int> {
      let start = min(new - 1, range.lowerBound * new / old)
      return start..<max(start + 1, (range.upperBound * new + old - 1) / old)
    }
    result.objects = objects.map { object in
      var object = object
      object.columns = scaled(object.columns, before.width, width)
      object.rows = scaled(object.rows, before.height, height)
      object.mask = object.mask?.resized(from: before, to: result.image.size)
      return object
    }
    return result
  }

  /// The sample with its image and its objects cropped to a window; objects outside the window are removed.
  public func cropped(x: Int, y: Int, width: Int, height: Int) -> Sample {
    let old = image.width
    var result = self
    result.image = image.cropped(x: x, y: y, width: width, height: height)
    result.objects = objects.compactMap { object in
      func moved(_ range: Range<Int>, by shift: Int, _ size: Int) -> Range<Int>? {
        let (start, end) = (max(0, range.lowerBound - shift), min(size, range.upperBound - shift))
        return start < end ? start..<end : nil
      }
      guard let columns = moved(object.columns, by: x, width), let rows = moved(object.rows, by: y, height) else {
        return nil
      }
      var object = object
      (object.columns, object.rows) = (columns, rows)
      object.mask = object.mask.map { mask in
        (0..<(width * height)).map { i in
          let (column, row) = (i % width + x, i / width + y)
          return (0..<old).contains(column) && (0..<(mask.count / old)).contains(row) && mask[row * old + column]
        }
      }
      if let mask = object.mask, !mask.contains(true) { return nil }
      return object
    }
    return result
  }
}
