import Components

/// A data set as a recipe describes it, before any of its files is read. A data set without files, such as ``Scenes``,
/// can be its own source.
///
/// To add one, write one file with a type that conforms, and register a value of it:
///
///     Registries.datasets.register(Stripes())
public protocol DatasetSource: Component {
  /// Opens the data set.
  ///
  /// - Returns: the data set.
  /// - Throws: an error that names the file if one is missing or broken.
  func dataset() throws -> any Dataset
}

extension Registries {
  /// The data sets that recipes can name.
  public static let datasets = Registry<any DatasetSource>(
    "data set",
    [
      ImageFolder.Source(), CIFARBinary.CIFAR10(), CIFARBinary.CIFAR100(), CSVList.Source(), ObjectImages.VOC(),
      ObjectImages.COCO(), IDXImages.Source(), PackedImages.Source(), Scenes(),
    ])
}
