import Formats

/// Pictures of one size in one HDF5 file, as `metasal pack` writes them or h5py does.
public struct PackedImages: Dataset {
  public let classNames: [String]
  private let images: HDF5Images
  private let path: String

  /// - Parameters:
  ///   - names: of the data sets with the pictures and the labels.
  ///   - classes: a file with a line for each class; nil for the names in the file, or numbers.
  /// - Throws: a ``FileError`` if the file is missing or not of that kind, or a label is none of the classes.
  public init(
    _ path: String, names: (images: String, labels: String) = HDF5Images.defaultNames, classes: String? = nil
  ) throws {
    images = try HDF5Images(path, images: names.images, labels: names.labels)
    let largest = images.labels.max() ?? 0
    classNames = try classes.map(ClassList.read) ?? images.names ?? (0...max(0, largest)).map { "class \($0)" }
    self.path = path
    for (index, label) in images.labels.enumerated() where !classNames.indices.contains(label) {
      throw FileError(.malformed, path, "image \(index): label \(label), where there are \(classNames.count) classes")
    }
  }

  public var count: Int { images.count }

  public func sample(at index: Int) throws -> Sample {
    Sample(picture: try images.picture(at: index), label: images.labels[index], source: "\(path), image \(index)")
  }
}
