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

  public func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage {
    guard Double.random(in: 0..<1, using: &random) < probability,
      let window = RandomWindow.draw(in: image, scale: scale, ratio: ratio, using: &random)
    else { return image }
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
