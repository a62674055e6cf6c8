import Formats
import Tensors

/// What an HDF5 file of images says of them besides their labels, in a group of its own.
struct Annotations: Sendable {
  /// Data sets of whole numbers, which need not be there:
  /// - `classes` [N, C]: which classes are in each image, 1 or 0;
  /// - `objects` [M, 7]: an object's image, class, left, upper, right and lower edge in pixels (it covers those from the left and
  ///   upper edge to before the right and lower one), and row in `masks`, or -1;
  /// - `masks` [K, H, W], bytes: which pixels an object covers, 1 or 0.
  enum Name {
    static let classes = "annotations/classes"
    static let objects = "annotations/objects"
    static let masks = "annotations/masks"
  }
  static let objectColumns = 7

  /// All classes of each image; nil where they are not listed.
  let classes: [[Int]]?
  private let objects: [Int: [Placed]]
  private let masks: HDF5Rows?

  private struct Placed {
    var object: Sample.Object
    /// A row in the masks.
    var mask: Int?
  }

  /// Reads the annotations of images of shape [N, H, W, 3] with so many classes. A ``FileError`` is thrown if something is
  /// there that does not fit the images.
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

  /// The rows of a table of whole numbers; nil if it is not there.
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
  /// - Throws: a ``FileError`` if a mask cannot be read.
  func objects(at index: Int) throws -> [Sample.Object] {
    try (objects[index] ?? []).map { placed in
      var object = placed.object
      if let masks, let mask = placed.mask { object.mask = try masks[mask].map { $0 != 0 } }
      return object
    }
  }
}
