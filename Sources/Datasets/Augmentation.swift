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
    let (width, height) = (picture.width, picture.height)
    switch self {
    case .horizontalFlip:
      return Bool.random(using: &random) ? Self.moved(picture) { x, y in (width - 1 - x, y) } : picture
    case .paddedCrop(let margin):
      let dx = Int.random(in: -margin...margin, using: &random)
      let dy = Int.random(in: -margin...margin, using: &random)
      return Self.moved(picture) { x, y in
        (0..<width).contains(x + dx) && (0..<height).contains(y + dy) ? (x + dx, y + dy) : nil
      }
    }
  }

  /// The picture whose pixel (x, y) is that at `source(x, y)`, or black.
  private static func moved(_ picture: Picture, _ source: (Int, Int) -> (Int, Int)?) -> Picture {
    var result = Picture(
      width: picture.width, height: picture.height, pixels: [UInt8](repeating: 0, count: picture.pixels.count))
    for y in 0..<picture.height {
      for x in 0..<picture.width {
        guard let (i, j) = source(x, y) else { continue }
        for c in 0..<3 {
          result.pixels[(y * picture.width + x) * 3 + c] = picture.pixels[(j * picture.width + i) * 3 + c]
        }
      }
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
    let table: [Float] = (0..<256).flatMap { value in
      (0..<3).map { Float((Double(value) / 255 - mean[$0]) / deviation[$0]) }
    }
    var elements: [Float] = []
    elements.reserveCapacity(pictures.reduce(0) { $0 + $1.pixels.count })
    for picture in pictures {
      for (i, value) in picture.pixels.enumerated() { elements.append(table[Int(value) * 3 + i % 3]) }
    }
    return Tensor(elements, shape: [pictures.count, pictures[0].height, pictures[0].width, 3])
  }
}
