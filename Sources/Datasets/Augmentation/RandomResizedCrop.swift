import Components
import Formats
import Tensors

/// A window of random size and shape, resized to a square, as Szegedy et al. 2015 train; in place of the resizing and cropping
/// that all images get.
public struct RandomResizedCrop: Augmentation, Equatable {
  public let name = "random_resized_crop"
  /// The side of the result in pixels.
  public var size = 224
  /// The window's least and greatest share of the image's area.
  public var scale = [0.08, 1]
  /// The least and greatest ratio of its width to its height.
  public var ratio = [3.0 / 4, 4.0 / 3]

  /// torchvision's defaults.
  public init() {}

  public mutating func visit(_ keys: Keys) {
    keys("size", &size, .integer(1...8192))
    keys.window(scale: &scale, ratio: &ratio)
  }

  public var outputSize: PixelSize? { PixelSize(width: size, height: size) }

  public func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage {
    let window = RandomWindow.draw(in: image, scale: scale, ratio: ratio, using: &random) ?? fallback(image)
    return image.cropped(x: window.x, y: window.y, width: window.width, height: window.height)
      .resized(width: size, height: size)
  }

  /// As much of the middle as the ratios allow.
  private func fallback(_ image: RGBImage) -> RandomWindow.Window {
    let own = Double(image.width) / Double(image.height)
    let width = own > ratio[1] ? Int((Double(image.height) * ratio[1]).rounded()) : image.width
    let height = own < ratio[0] ? Int((Double(image.width) / ratio[0]).rounded()) : image.height
    return ((image.width - width) / 2, (image.height - height) / 2, width, height)
  }
}
