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

  /// Whether the form that takes a sample keeps each object on the pixels that show it. False by default, because an
  /// augmentation can move pixels in a way that only it knows. Objectives that use the objects of training images need
  /// augmentations for which it is true.
  var keepsObjectsInPlace: Bool { get }

  /// Augments an image.
  ///
  /// - Parameters:
  ///   - image: the image after the previous augmentations.
  ///   - background: the color that becomes 0 after normalization, for areas to be filled.
  ///   - random: the source of random numbers. The number of draws may depend on the image.
  /// - Returns: the augmented image.
  func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage

  /// Augments a sample: its image as the form that takes an image does, with the same random numbers, and its objects
  /// along with it. By default only the image changes, which is right for an augmentation that moves no pixel; such an
  /// augmentation says so by ``keepsObjectsInPlace``.
  ///
  /// - Parameters:
  ///   - sample: the sample after the previous augmentations.
  ///   - background: the color that becomes 0 after normalization, for areas to be filled.
  ///   - random: the source of random numbers.
  /// - Returns: the augmented sample. Objects that are no longer visible are removed.
  func callAsFunction(_ sample: Sample, background: [UInt8], using random: inout RandomSource) -> Sample
}

extension Augmentation {
  public var outputSize: PixelSize? { nil }
  public var keepsObjectsInPlace: Bool { false }

  public func callAsFunction(_ sample: Sample, background: [UInt8], using random: inout RandomSource) -> Sample {
    var sample = sample
    sample.image = self(sample.image, background: background, using: &random)
    return sample
  }

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
