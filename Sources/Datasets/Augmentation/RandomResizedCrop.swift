import Components
import Formats
import Tensors

/// Crops a window of random size and aspect ratio and resizes it to a square (Szegedy et al. 2015). It replaces the
/// recipe's resizing and cropping.
public struct RandomResizedCrop: Augmentation, Equatable {
  public let name = "random_resized_crop"
  /// The side of the resulting square in pixels.
  public var size = 224
  /// The smallest and largest area of the window as a fraction of the image's area.
  public var scale = [0.08, 1]
  /// The smallest and largest ratio of the window's width to its height.
  public var ratio = [3.0 / 4, 4.0 / 3]

  /// The crop with torchvision's defaults.
  public init() {}

  public mutating func visit(_ keys: Keys) {
    keys("size", &size, .integer(1...8192))
    keys.window(scale: &scale, ratio: &ratio)
  }

  public var outputSize: PixelSize? { PixelSize(width: size, height: size) }

  public var keepsObjectsInPlace: Bool { true }

  public func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage {
    let window = window(in: image, &random)
    return image.cropped(x: window.x, y: window.y, width: window.width, height: window.height)
      .resized(width: size, height: size)
  }

  public func callAsFunction(_ sample: Sample, background: [UInt8], using random: inout RandomSource) -> Sample {
    let window = window(in: sample.image, &random)
    return sample.cropped(x: window.x, y: window.y, width: window.width, height: window.height)
      .resized(width: size, height: size)
  }

  private func window(in image: RGBImage, _ random: inout RandomSource) -> RandomWindow.Window {
    RandomWindow.draw(in: image, scale: scale, ratio: ratio, using: &random) ?? fallback(image)
  }

  /// The largest window in the middle of the image whose ratio is in the range, used if no random window fits.
  private func fallback(_ image: RGBImage) -> RandomWindow.Window {
    let own = Double(image.width) / Double(image.height)
    let width = own > ratio[1] ? Int((Double(image.height) * ratio[1]).rounded()) : image.width
    let height = own < ratio[0] ? Int((Double(image.width) / ratio[0]).rounded()) : image.height
    return ((image.width - width) / 2, (image.height - height) / 2, width, height)
  }
}
