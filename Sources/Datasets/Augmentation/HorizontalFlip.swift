import Formats
import Tensors

/// Mirrored left to right, every other time.
public struct HorizontalFlip: Augmentation, Equatable {
  public let name = "horizontal_flip"

  /// It has no settings.
  public init() {}

  public func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage {
    Bool.random(using: &random) ? image.mirrored : image
  }
}
