import Formats
import Tensors

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
