import Formats
import Tensors

/// Flips the image upside down with probability ½.
public struct VerticalFlip: Augmentation, Equatable {
  public let name = "vertical_flip"

  /// The flip, which has no settings.
  public init() {}

  public var keepsObjectsInPlace: Bool { true }

  public func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage {
    Bool.random(using: &random) ? image.turnedOver : image
  }

  public func callAsFunction(_ sample: Sample, background: [UInt8], using random: inout RandomSource) -> Sample {
    Bool.random(using: &random) ? sample.turnedOver : sample
  }
}
