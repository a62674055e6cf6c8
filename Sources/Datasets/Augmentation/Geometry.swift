import Formats

extension Sample {
  /// The sample flipped left to right, with its objects.
  var mirrored: Sample {
    let (width, height) = (image.width, image.height)
    var result = self
    result.image = image.mirrored
    result.objects = objects.map { object in
      var object = object
      object.columns = (width - object.columns.upperBound)..<(width - object.columns.lowerBound)
      object.mask = object.mask.map { mask in
        (0..<(width * height)).map { mask[$0 / width * width + width - 1 - $0 % width] }
      }
      return object
    }
    return result
  }

  /// The sample flipped upside down, with its objects.
  var turnedOver: Sample {
    let (width, height) = (image.width, image.height)
    var result = self
    result.image = image.turnedOver
    result.objects = objects.map { object in
      var object = object
      object.rows = (height - object.rows.upperBound)..<(height - object.rows.lowerBound)
      object.mask = object.mask.map { mask in
        (0..<(width * height)).map { mask[(height - 1 - $0 / width) * width + $0 % width] }
      }
      return object
    }
    return result
  }

  /// The sample with its objects less the pixels of a rectangle, which no longer show them. Objects that lie inside it
  /// are removed. A box that lies only partly inside stays, because what is left of it may not be a box.
  func hiding(columns: Range<Int>, rows: Range<Int>) -> Sample {
    let width = image.width
    var result = self
    result.objects = objects.compactMap { object in
      let isHidden =
        columns.clamped(to: object.columns) == object.columns && rows.clamped(to: object.rows) == object.rows
      if isHidden { return nil }
      guard var mask = object.mask else { return object }
      for row in rows { for column in columns { mask[row * width + column] = false } }
      var object = object
      object.mask = mask
      return mask.contains(true) ? object : nil
    }
    return result
  }
}

extension RGBImage {
  /// The image flipped left to right.
  var mirrored: RGBImage {
    RGBImage(width: width, height: height) { target in
      pixels.withUnsafeBufferPointer { source in
        for row in stride(from: 0, to: source.count, by: width * 3) {
          for x in 0..<width {
            let (from, to) = (row + x * 3, row + (width - 1 - x) * 3)
            target[to] = source[from]
            target[to + 1] = source[from + 1]
            target[to + 2] = source[from + 2]
          }
        }
      }
    }
  }

  /// The image flipped upside down.
  var turnedOver: RGBImage {
    let row = width * 3
    return RGBImage(
      width: width, height: height,
      pixels: (0..<height).reversed().flatMap { pixels[($0 * row)..<(($0 + 1) * row)] })
  }

  /// An affine transformation with nearest-neighbor sampling: the output pixel with center p is the input pixel that
  /// contains A·p + b, or black if that is outside the image. `matrix` holds the first row of A and the first element
  /// of b, then the second ones.
  func transformed(_ matrix: [Double]) -> RGBImage {
    RGBImage(width: width, height: height) { target in
      for y in 0..<height {
        for x in 0..<width {
          let (px, py) = (Double(x) + 0.5, Double(y) + 0.5)
          let column = (matrix[0] * px + matrix[1] * py + matrix[2]).rounded(.down)
          let row = (matrix[3] * px + matrix[4] * py + matrix[5]).rounded(.down)
          guard column >= 0, row >= 0, column < Double(width), row < Double(height) else { continue }
          for c in 0..<3 { target[(y * width + x) * 3 + c] = pixels[(Int(row) * width + Int(column)) * 3 + c] }
        }
      }
    }
  }
}
