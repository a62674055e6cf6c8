import Components
import Formats
import Tensors

/// Fills a random rectangle with the mean color, which is 0 after normalization (Zhong et al. 2020).
public struct RandomErasing: Augmentation, Equatable {
  public let name = "random_erasing"
  /// The probability that an image is changed.
  public var probability = 0.5
  /// The smallest and largest area of the rectangle as a fraction of the image's area.
  public var scale = [0.02, 0.33]
  /// The smallest and largest ratio of the rectangle's width to its height.
  public var ratio = [0.3, 3.3]

  /// Random erasing with torchvision's defaults.
  public init() {}

  public mutating func visit(_ keys: Keys) {
    keys("probability", &probability, .share)
    keys.window(scale: &scale, ratio: &ratio)
  }

  public var keepsObjectsInPlace: Bool { true }

  public func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage {
    window(in: image, &random).map { erased(image, $0, background) } ?? image
  }

  public func callAsFunction(_ sample: Sample, background: [UInt8], using random: inout RandomSource) -> Sample {
    guard let window = window(in: sample.image, &random) else { return sample }
    var result = sample.hiding(
      columns: window.x..<(window.x + window.width), rows: window.y..<(window.y + window.height))
    result.image = erased(sample.image, window, background)
    return result
  }

  /// Draws whether the image is changed, and the rectangle; nil if it is not.
  private func window(in image: RGBImage, _ random: inout RandomSource) -> RandomWindow.Window? {
    guard Double.random(in: 0..<1, using: &random) < probability else { return nil }
    return RandomWindow.draw(in: image, scale: scale, ratio: ratio, using: &random)
  }

  private func erased(_ image: RGBImage, _ window: RandomWindow.Window, _ background: [UInt8]) -> RGBImage {
    var result = image
    for y in window.y..<(window.y + window.height) {
      for x in window.x..<(window.x + window.width) {
        let at = (y * image.width + x) * 3
        result.pixels.replaceSubrange(at..<(at + 3), with: background)
      }
    }
    return result
  }
}
