import Formats
import Tensors

/// Flips the image left to right with probability ½.
public struct HorizontalFlip: Augmentation, Equatable {
  public let name = "horizontal_flip"

  /// The flip, which has no settings.
  public init() {}

  public var keepsObjectsInPlace: Bool { true }

  public func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage {
    Bool.random(using: &random) ? image.mirrored : image
  }

  public func callAsFunction(_ sample: Sample, background: [UInt8], using random: inout RandomSource) -> Sample {
    Bool.random(using: &random) ? sample.mirrored : sample
  }
}
