import Components
import Formats
import Tensors

/// A random change of a training image, under torchvision's name and with torchvision's defaults.
///
/// To add one, write one file with a type that conforms, and register a value of it:
///
///     Registries.augmentations.register(Grayscale())
public protocol Augmentation: Component {
  /// The size to which it takes images of any size, in place of the resizing and cropping that all images get; nil, as it is
  /// unless told otherwise, if it leaves them at theirs.
  var outputSize: PixelSize? { get }

  /// The image changed.
  ///
  /// - Parameters:
  ///   - image: the image as it is so far.
  ///   - background: the color that is 0 after normalization, for what is painted over.
  ///   - random: what is drawn from. How much is drawn may depend on the image.
  /// - Returns: the image changed.
  func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage
}

extension Augmentation {
  public var outputSize: PixelSize? { nil }

  /// Whether it takes images of any size to one size.
  public var setsSize: Bool { outputSize != nil }
}

extension Registries {
  /// The augmentations that recipes can name.
  public static let augmentations = Registry<any Augmentation>(
    "augmentation",
    [
      HorizontalFlip(), VerticalFlip(), PaddedCrop(), RandomResizedCrop(), ColorJitter(), RandomErasing(),
      RandAugment(),
    ])
}
