import Formats
import Tensors

/// The annotations of the images in an HDF5 file besides their labels, stored in a group of their own.
struct Annotations: Sendable {
  /// The optional data sets of integers:
  /// - `classes` [N, C]: 1 for each class that is in the image, else 0;
  /// - `objects` [M, 7]: for each object the index of its image, its class, the left, upper, right and lower edges of
  ///   its box in pixels (right and lower are exclusive), and the index of its mask in `masks`, or -1;
  /// - `masks` [K, H, W], bytes: 1 for each pixel that the object covers, else 0.
  enum Name {
    static let classes = "annotations/classes"
    static let objects = "annotations/objects"
    static let masks = "annotations/masks"
  }
  static let objectColumns = 7

  /// All classes of each image; nil if the file does not list them.
  let classes: [[Int]]?
  private let objects: [Int: [Placed]]
  private let masks: HDF5Rows?

  private struct Placed {
    var object: Sample.Object
    /// The index of the mask; nil if there is none.
    var mask: Int?
  }

  /// Reads the annotations of images [N, H, W, 3] with `classes` classes. Throws a `FileError` if an annotation does
  /// not fit the images.
  init(_ file: HDF5Reader, images: [Int], classes: Int) throws {
    self.classes = try Self.table(file, Name.classes, rows: images[0], columns: classes)?.map { row in
      row.indices.filter { row[$0] != 0 }
    }
    let rows = try Self.table(file, Name.objects, rows: nil, columns: Self.objectColumns) ?? []
    let hasMasks = rows.contains { $0[6] >= 0 }
    masks = hasMasks ? try HDF5Rows(file, Name.masks, axes: ["masks", "rows", "columns"]) : nil
    func malformed(_ message: String) -> FileError { FileError(.malformed, file.path, message) }
    if let masks, Array(masks.shape[1...]) != Array(images[1...2]) {
      throw malformed("masks of \(masks.shape[2])×\(masks.shape[1]) pixels for images of \(images[2])×\(images[1])")
    }
    var objects: [Int: [Placed]] = [:]
    for (index, row) in rows.enumerated() {
      guard (0..<images[0]).contains(row[0]), (0..<classes).contains(row[1]),
        0 <= row[2], row[2] < row[4], row[4] <= images[2], 0 <= row[3], row[3] < row[5], row[5] <= images[1],
        (-1..<(masks?.shape[0] ?? 0)).contains(row[6])
      else {
        throw malformed(
          "row \(index) of '\(Name.objects)': found \(row), expected an image, a class, a box in the image and a mask or -1"
        )
      }
      objects[row[0], default: []].append(
        Placed(
          object: Sample.Object(label: row[1], columns: row[2]..<row[4], rows: row[3]..<row[5]),
          mask: row[6] >= 0 ? row[6] : nil))
    }
    self.objects = objects
  }

  /// Reads the rows of a table of integers; nil if the file does not have it.
  private static func table(_ file: HDF5Reader, _ name: String, rows: Int?, columns: Int) throws -> [[Int]]? {
    guard try file.has(name) else { return nil }
    guard let (shape, values) = try file.wholeNumbers(of: name), shape.count == 2, shape[0] == rows ?? shape[0],
      shape[1] == columns
    else {
      throw FileError(
        .malformed, file.path,
        "data set '\(name)': expected whole numbers of the shape [\(rows.map(String.init) ?? "objects"), \(columns)]")
    }
    return (0..<shape[0]).map { Array(values[$0 * columns..<($0 + 1) * columns]) }
  }

  /// The objects in an image.
  ///
  /// - Throws: a `FileError` if a mask cannot be read.
  func objects(at index: Int) throws -> [Sample.Object] {
    try (objects[index] ?? []).map { placed in
      var object = placed.object
      if let masks, let mask = placed.mask { object.mask = try masks[mask].map { $0 != 0 } }
      return object
    }
  }
}
