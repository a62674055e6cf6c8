import Components
import Formats
import Tensors

/// Pads the image with black margins and crops a random window of the image's original size: torchvision's `RandomCrop`
/// with padding.
public struct PaddedCrop: Augmentation, Equatable {
  public let name = "padded_crop"
  /// The width of the margins in pixels.
  public var padding: Int

  /// A crop with margins of `padding` pixels.
  public init(_ padding: Int = 4) { self.padding = padding }

  public mutating func visit(_ keys: Keys) { keys("padding", &padding, Self.paddings) }

  private static var paddings: Codec<Int> { .integer(1...1024) }

  /// The number alone is accepted in place of a section: `padded_crop: 4`.
  public static var shorthand: Codec<Self>? { paddings.standing(for: { PaddedCrop($0) }, \.padding) }

  public var keepsObjectsInPlace: Bool { true }

  public func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage {
    let (x, y) = corner(&random)
    return image.cropped(x: x, y: y, width: image.width, height: image.height)
  }

  public func callAsFunction(_ sample: Sample, background: [UInt8], using random: inout RandomSource) -> Sample {
    let (x, y) = corner(&random)
    return sample.cropped(x: x, y: y, width: sample.image.width, height: sample.image.height)
  }

  /// Draws the upper left corner of the window.
  private func corner(_ random: inout RandomSource) -> (x: Int, y: Int) {
    (.random(in: -padding...padding, using: &random), .random(in: -padding...padding, using: &random))
  }
}
