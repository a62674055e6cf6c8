import Components
import Foundation
import Formats

/// Images of one size in an HDF5 file, as `metasal pack` or h5py writes it: a data set of bytes [N, H, W, 3], a data
/// set of N labels, the class names, and optionally `Annotations`.
public struct PackedImages: Dataset {
  /// The default names of the data sets.
  public static let defaultNames = (images: "images", labels: "labels")
  /// The name of the text attribute of the root group, or of the data set of texts, that holds the class names, one per
  /// line or text.
  static let classNamesName = "class_names"

  public let classNames: [String]
  private let images: HDF5Rows
  private let labels: [Int]
  private let annotations: Annotations
  private let path: String

  /// Opens a file; each image is read only when its sample is requested.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - names: the names of the data sets with the images and the labels.
  ///   - classes: a file with a line for each class; nil for the names in the file or, if it has none, numbers.
  /// - Throws: a `FileError` if the file is missing or does not have this form, or a label is not one of the classes.
  public init(
    _ path: String, names: (images: String, labels: String) = defaultNames, classes: String? = nil
  ) throws {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, message) }
    let file = try HDF5Reader(path)
    guard let (shape, labels) = try file.wholeNumbers(of: names.labels) else {
      throw malformed("no list of whole numbers named '\(names.labels)', where labels are expected")
    }
    // A column [N, 1] is accepted as a list of labels.
    guard shape.first == labels.count, !labels.isEmpty else {
      throw malformed("data set '\(names.labels)': found the shape \(shape), expected a number for each image")
    }
    images = try HDF5Rows(file, names.images, axes: ["images", "rows", "columns", "3"])
    guard images.shape[3] == 3 else {
      throw malformed("data set '\(names.images)': found \(images.shape[3]) colors, expected 3")
    }
    guard labels.count == images.shape[0] else {
      throw malformed("\(labels.count) labels in '\(names.labels)' for \(images.shape[0]) images in '\(names.images)'")
    }
    guard let classNames = try classes.map(ClassList.read) ?? Self.classNames(file) ?? ClassList.numbered(labels) else {
      throw malformed(
        "'\(names.labels)' has numbers from \(labels.min() ?? 0) to \(labels.max() ?? 0), which are no classes'")
    }
    for (index, label) in labels.enumerated() where !classNames.indices.contains(label) {
      throw malformed("image \(index): label \(label), where there are \(classNames.count) classes")
    }
    annotations = try Annotations(file, images: images.shape, classes: classNames.count)
    (self.path, self.labels, self.classNames) = (path, labels, classNames)
  }

  /// The class names in the file; nil if it has none.
  private static func classNames(_ file: HDF5Reader) throws -> [String]? {
    let text = try file.attributes()[classNamesName] ?? file.text(of: classNamesName)
    var names = text?.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    while names?.last?.isEmpty == true { names?.removeLast() }
    return names?.isEmpty == true ? nil : names
  }

  public var count: Int { labels.count }

  public func sample(at index: Int) throws -> Sample {
    var sample = try sampleWithoutObjects(at: index)
    sample.objects = try annotations.objects(at: index)
    return sample
  }

  public func sampleWithoutObjects(at index: Int) throws -> Sample {
    Sample(
      image: RGBImage(width: images.shape[2], height: images.shape[1], pixels: try images[index]),
      label: labels[index], labels: annotations.classes?[index], source: "\(path), image \(index)")
  }
}

extension PackedImages {
  /// An HDF5 file of images, as recipes state it: `hdf5: path`, or `hdf5: { file, images, labels, classes }`.
  public struct Source: DatasetSource, Equatable {
    public let name = "hdf5"
    /// The file.
    public var file: String
    /// The name of the data set with the images.
    public var images = defaultNames.images
    /// The name of the data set with the labels.
    public var labels = defaultNames.labels
    /// A file with a line for each class; nil for the names in the file.
    public var classes: String?

    /// A file with the default names of data sets, as `metasal pack` writes it.
    public init(_ file: String = "") { self.file = file }

    public mutating func visit(_ keys: Keys) {
      keys("file", &file, .inputPath, isRequired: true)
      keys("images", &images, .word)
      keys("labels", &labels, .word)
      keys("classes", &classes, .optional(.inputPath))
    }

    /// The path alone is accepted in place of a section.
    public static var shorthand: Codec<Self>? {
      Codec<String>.inputPath.standing(for: { Source($0) }) { $0 == Source($0.file) ? $0.file : nil }
    }

    public func dataset() throws -> any Dataset {
      try PackedImages(file, names: (images, labels), classes: classes)
    }
  }
}
