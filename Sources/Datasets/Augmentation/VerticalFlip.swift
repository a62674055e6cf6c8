import Formats
import Tensors

/// Mirrored upside down, every other time.
public struct VerticalFlip: Augmentation, Equatable {
  public let name = "vertical_flip"

  /// It has no settings.
  public init() {}

  public func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage {
    Bool.random(using: &random) ? image.turnedOver : image
  }
}
