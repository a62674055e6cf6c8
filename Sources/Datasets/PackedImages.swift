import Formats

/// Pictures of one size in one HDF5 file, as `metasal pack` writes them or h5py does: a data set of bytes [N, H, W, 3], one of N
/// labels, the classes' names as a text attribute, and, where there is more to know, ``Annotations``.
public struct PackedImages: Dataset {
  /// The names of the data sets, unless told otherwise.
  public static let defaultNames = (images: "images", labels: "labels")
  /// The text attribute of the root group that holds the classes' names, a line for each.
  static let classNamesAttribute = "class_names"

  public let classNames: [String]
  private let images: HDF5Rows
  private let labels: [Int]
  private let annotations: Annotations
  private let path: String

  /// - Parameters:
  ///   - names: of the data sets with the pictures and the labels.
  ///   - classes: a file with a line for each class; nil for the names in the file, or numbers.
  /// - Throws: a ``FileError`` if the file is missing or not of that kind, or a label is none of the classes.
  public init(
    _ path: String, names: (images: String, labels: String) = defaultNames, classes: String? = nil
  ) throws {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, message) }
    let file = try HDF5Reader(path)
    guard case .integers(let labels)? = try file.contents(of: names.labels) else {
      throw malformed("no list of whole numbers named '\(names.labels)', where labels are expected")
    }
    images = try HDF5Rows(file, names.images, axes: ["images", "rows", "columns", "3"])
    guard images.shape[3] == 3 else {
      throw malformed("data set '\(names.images)': found \(images.shape[3]) colours, expected 3")
    }
    guard labels.count == images.shape[0] else {
      throw malformed("\(labels.count) labels in '\(names.labels)' for \(images.shape[0]) images in '\(names.images)'")
    }
    let named = try file.attributes()[Self.classNamesAttribute]?.split(separator: "\n").map(String.init)
    classNames = try classes.map(ClassList.read) ?? named ?? (0...max(0, labels.max() ?? 0)).map { "class \($0)" }
    for (index, label) in labels.enumerated() where !classNames.indices.contains(Int(label)) {
      throw malformed("image \(index): label \(label), where there are \(classNames.count) classes")
    }
    annotations = try Annotations(file, images: images.shape, classes: classNames.count)
    (self.path, self.labels) = (path, labels.map { Int($0) })
  }

  public var count: Int { labels.count }

  public func sample(at index: Int) throws -> Sample {
    var sample = try sampleWithoutObjects(at: index)
    sample.objects = try annotations.objects(at: index)
    return sample
  }

  public func sampleWithoutObjects(at index: Int) throws -> Sample {
    Sample(
      picture: Picture(width: images.shape[2], height: images.shape[1], pixels: try images[index]),
      label: labels[index], labels: annotations.classes?[index], source: "\(path), image \(index)")
  }
}
