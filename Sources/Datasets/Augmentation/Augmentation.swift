import Components
import Formats
import Tensors

/// A random change of a training image, with torchvision's name and defaults.
///
/// To add one, write one file with a type that conforms, and register a value of it:
///
///     Registries.augmentations.register(Grayscale())
public protocol Augmentation: Component {
  /// The output size of an augmentation that takes images of any size, which then replaces the recipe's resizing and
  /// cropping. Nil, the default, if the augmentation keeps the size of its input.
  var outputSize: PixelSize? { get }

  /// Augments an image.
  ///
  /// - Parameters:
  ///   - image: the image after the previous augmentations.
  ///   - background: the color that becomes 0 after normalization, for areas to be filled.
  ///   - random: the source of random numbers. The number of draws may depend on the image.
  /// - Returns: the augmented image.
  func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage
}

extension Augmentation {
  public var outputSize: PixelSize? { nil }

  /// Whether the augmentation turns images of any size into images of one size.
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
