import Formats
import Tensors

/// The normalization of pixels to a network's input: (value / 255 − mean) / std, per channel.
public struct Normalization: Sendable, Equatable {
  /// The mean and the std of red, green and blue, for pixels in [0, 1].
  public var mean, std: [Double]

  /// A normalization with the means and stds of red, green and blue.
  public init(mean: [Double], std: [Double]) {
    precondition(mean.count == 3 && std.count == 3, "Normalization: three channels are expected")
    (self.mean, self.std) = (mean, std)
  }

  /// The allowed ranges of means and stds: beyond them pixels in [0, 1] would lose all contrast or overflow.
  public static let (means, stds) = (-10.0...10, 1e-4...1e3)

  /// The normalized images of one size as a tensor [N, H, W, 3].
  public func callAsFunction(_ images: [RGBImage], _ type: ScalarType = .float32) -> Tensor {
    type == .float32 ? tensor(images, type) { Float($0) } : tensor(images, type) { $0 }
  }

  private func tensor<Element>(_ images: [RGBImage], _ type: ScalarType, _ element: (Double) -> Element) -> Tensor {
    // A table of the result for every byte value and channel, computed in double precision and rounded once.
    let tables: [[Element]] = (0..<3).map { channel in
      (0..<256).map { element((Double($0) / 255 - mean[channel]) / std[channel]) }
    }
    let (red, green, blue) = (tables[0], tables[1], tables[2])
    let shape = [images.count, images[0].height, images[0].width, 3]
    return Tensor.filling(shape, type) { bytes in
      let elements = bytes.bindMemory(to: Element.self)
      var next = 0
      for image in images {
        image.pixels.withUnsafeBufferPointer { pixels in
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
