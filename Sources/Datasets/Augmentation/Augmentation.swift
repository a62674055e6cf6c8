import Foundation
import Formats
import Tensors

/// A random change of a training image, under torchvision's name and with torchvision's defaults.
public enum Augmentation: Sendable, Equatable {
  /// Mirrored left to right, every other time.
  case horizontalFlip
  /// Mirrored upside down, every other time.
  case verticalFlip
  /// A window of the image's own size out of the image with black margins of this many pixels.
  case paddedCrop(Int)
  /// A window of random size and shape, resized to a square; in place of the resizeCrop that all images get.
  case randomResizedCrop(RandomResizedCrop)
  /// Brightness, contrast, saturation and hue, in random order.
  case colorJitter(ColorJitter)
  /// A rectangle painted over with the mean color.
  case randomErasing(RandomErasing)
  /// Some of fourteen changes, all of one strength (Cubuk et al. 2020).
  case randAugment(RandAugment)

  /// Whether it takes images of any size to one size.
  public var setsSize: Bool { if case .randomResizedCrop = self { true } else { false } }

  /// The image changed.
  ///
  /// - Parameter background: the color that is 0 after normalization, for what is painted over.
  public func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage {
    switch self {
    case .horizontalFlip: Bool.random(using: &random) ? image.mirrored : image
    case .verticalFlip: Bool.random(using: &random) ? image.turnedOver : image
    case .paddedCrop(let margin):
      image.cropped(
        x: .random(in: -margin...margin, using: &random), y: .random(in: -margin...margin, using: &random),
        width: image.width, height: image.height)
    case .randomResizedCrop(let crop): crop(image, using: &random)
    case .colorJitter(let jitter): jitter(image, using: &random)
    case .randomErasing(let erasing): erasing(image, background: background, using: &random)
    case .randAugment(let augmentation): augmentation(image, using: &random)
    }
  }
}

/// A window of random size and shape, resized to a square, as Szegedy et al. 2015 train.
public struct RandomResizedCrop: Sendable, Equatable {
  /// The side of the result.
  public var size = 224
  /// The window's least and greatest share of the image's area.
  public var scale = [0.08, 1]
  /// The least and greatest ratio of its width to its height.
  public var ratio = [3.0 / 4, 4.0 / 3]

  /// torchvision's defaults.
  public init() {}

  func callAsFunction(_ image: RGBImage, using random: inout RandomSource) -> RGBImage {
    let window = Self.window(image, scale: scale, ratio: ratio, using: &random) ?? fallback(image)
    return image.cropped(x: window.x, y: window.y, width: window.width, height: window.height)
      .resized(width: size, height: size)
  }

  typealias Window = (x: Int, y: Int, width: Int, height: Int)

  /// A window of a random share and shape that fits into the image; nil if none of ten does.
  static func window(
    _ image: RGBImage, scale: [Double], ratio: [Double], using random: inout RandomSource
  ) -> Window? {
    for _ in 0..<10 {
      let area = Double(image.width * image.height) * .random(in: scale[0]...scale[1], using: &random)
      let shape = exp(Double.random(in: log(ratio[0])...log(ratio[1]), using: &random))
      let (width, height) = (Int((area * shape).squareRoot().rounded()), Int((area / shape).squareRoot().rounded()))
      guard width > 0, height > 0, width <= image.width, height <= image.height else { continue }
      return (
        .random(in: 0...(image.width - width), using: &random),
        .random(in: 0...(image.height - height), using: &random), width, height
      )
    }
    return nil
  }

  /// As much of the middle as the ratios allow.
  private func fallback(_ image: RGBImage) -> Window {
    let own = Double(image.width) / Double(image.height)
    let width = own > ratio[1] ? Int((Double(image.height) * ratio[1]).rounded()) : image.width
    let height = own < ratio[0] ? Int((Double(image.width) / ratio[0]).rounded()) : image.height
    return ((image.width - width) / 2, (image.height - height) / 2, width, height)
  }
}

/// A rectangle painted over with the mean color, which is 0 after normalization (Zhong et al. 2020).
public struct RandomErasing: Sendable, Equatable {
  /// How often.
  public var probability = 0.5
  /// The rectangle's least and greatest share of the image's area.
  public var scale = [0.02, 0.33]
  /// The least and greatest ratio of its width to its height.
  public var ratio = [0.3, 3.3]

  /// torchvision's defaults.
  public init() {}

  func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage {
    guard Double.random(in: 0..<1, using: &random) < probability,
      let window = RandomResizedCrop.window(image, scale: scale, ratio: ratio, using: &random)
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

/// Random brightness, contrast, saturation and hue, in random order.
public struct ColorJitter: Sendable, Equatable {
  /// By how much the factors of the first three may differ from 1.
  public var brightness = 0.0
  public var contrast = 0.0
  public var saturation = 0.0
  /// By what share of the color circle the hue may turn; at most ½.
  public var hue = 0.0

  /// No change.
  public init() {}

  func callAsFunction(_ image: RGBImage, using random: inout RandomSource) -> RGBImage {
    func factor(_ strength: Double) -> Double { .random(in: max(0, 1 - strength)...(1 + strength), using: &random) }
    let changes: [(RGBImage) -> RGBImage] = [
      brightness > 0 ? factor(brightness) : nil, contrast > 0 ? factor(contrast) : nil,
      saturation > 0 ? factor(saturation) : nil, hue > 0 ? .random(in: -hue...hue, using: &random) : nil,
    ].enumerated().compactMap { index, amount in
      amount.map { amount in
        { image in
          switch index {
          case 0: image.brightened(by: amount)
          case 1: image.contrasted(by: amount)
          case 2: image.saturated(by: amount)
          default: image.hueTurned(by: amount)
          }
        }
      }
    }
    return changes.shuffled(using: &random).reduce(image) { $1($0) }
  }
}
