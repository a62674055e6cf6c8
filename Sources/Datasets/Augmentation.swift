import Formats
import Tensors

/// A random change of a training image.
public enum Augmentation: Sendable, Equatable {
  /// Mirrored left to right, every other time.
  case horizontalFlip
  /// A window of the image's own size out of the image with black margins of this many pixels.
  case paddedCrop(Int)

  /// The picture changed, of the same size.
  public func callAsFunction(_ picture: Picture, using random: inout RandomSource) -> Picture {
    switch self {
    case .horizontalFlip: return Bool.random(using: &random) ? Self.mirrored(picture) : picture
    case .paddedCrop(let margin):
      let dx = Int.random(in: -margin...margin, using: &random)
      let dy = Int.random(in: -margin...margin, using: &random)
      return Self.shifted(picture, dx, dy)
    }
  }

  private static func mirrored(_ picture: Picture) -> Picture {
    let width = picture.width
    var result = picture
    picture.pixels.withUnsafeBufferPointer { source in
      result.pixels.withUnsafeMutableBufferPointer { target in
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
    return result
  }

  /// The picture whose pixel (x, y) is that at (x + dx, y + dy), or black.
  private static func shifted(_ picture: Picture, _ dx: Int, _ dy: Int) -> Picture {
    let (width, height) = (picture.width, picture.height)
    var result = Picture(
      width: width, height: height, pixels: [UInt8](repeating: 0, count: picture.pixels.count))
    let columns = max(0, -dx)..<max(max(0, -dx), min(width, width - dx))
    for y in 0..<height where (0..<height).contains(y + dy) {
      let (to, from) = ((y * width + columns.lowerBound) * 3, ((y + dy) * width + columns.lowerBound + dx) * 3)
      result.pixels.replaceSubrange(
        to..<(to + columns.count * 3), with: picture.pixels[from..<(from + columns.count * 3)])
    }
    return result
  }
}

/// How pixels become a network's input: (value / 255 − mean) / deviation, per channel.
public struct Normalization: Sendable, Equatable {
  public var mean, deviation: [Double]

  /// Three means and three deviations, of red, green and blue.
  public init(mean: [Double], deviation: [Double]) {
    precondition(mean.count == 3 && deviation.count == 3, "Normalization: three channels are expected")
    (self.mean, self.deviation) = (mean, deviation)
  }

  /// Pictures of one size as [N, H, W, 3], float32.
  public func callAsFunction(_ pictures: [Picture]) -> Tensor {
    // Every byte value's result per channel; worked out in double precision and rounded once.
    let tables: [[Float]] = (0..<3).map { channel in
      (0..<256).map { Float((Double($0) / 255 - mean[channel]) / deviation[channel]) }
    }
    let (red, green, blue) = (tables[0], tables[1], tables[2])
    let shape = [pictures.count, pictures[0].height, pictures[0].width, 3]
    return Tensor.filling(shape, .float32) { bytes in
      let elements = bytes.bindMemory(to: Float.self)
      var next = 0
      for picture in pictures {
        picture.pixels.withUnsafeBufferPointer { pixels in
          for i in stride(from: 0, to: pixels.count, by: 3) {
            elements[next + i] = red[Int(pixels[i])]
            elements[next + i + 1] = green[Int(pixels[i + 1])]
            elements[next + i + 2] = blue[Int(pixels[i + 2])]
          }
          next += pixels.count
        }
      }
    }
  }
}
