import Formats

extension PackedImages {
  /// Writes samples to an HDF5 file that ``PackedImages`` reads, one at a time, each compressed by itself; see
  /// `Files.replace`.
  ///
  /// - Parameters:
  ///   - count: the number of samples.
  ///   - classNames: a name for each class, in the order of the labels.
  ///   - path: the file to be written.
  ///   - progress: called with the number of samples that are done.
  ///   - sample: returns the sample at an index, or nil to leave it out. All images must have the same size.
  /// - Returns: the number of written samples, at least one.
  /// - Throws: what `sample` throws, or a `FileError` if images differ in size or the file cannot be written.
  @discardableResult
  public static func write(
    _ count: Int, classNames: [String], to path: String, progress: (Int) -> Void = { _ in },
    _ sample: (Int) throws -> Sample?
  ) throws -> Int {
    var written = 0
    try HDF5Writer.write(to: path) { file in
      var writing = Writing(file, path, classes: classNames.count)
      for index in 0..<count {
        if let sample = try sample(index) { try writing.append(sample, index) }
        progress(index + 1)
      }
      guard !writing.classes.isEmpty else { throw FileError(.unwritable, path, "there is no image to write") }
      try writing.finish()
      try file.attach(classNames.joined(separator: "\n"), as: classNamesName)
      written = writing.classes.count
    }
    return written
  }
}

/// The state of writing a file of images.
private struct Writing {
  private let file: HDF5Writer
  private let path: String
  private let classCount: Int
  /// All classes of each image.
  private(set) var classes: [[Int]] = []
  private var haveOneClass = true
  private var size: (width: Int, height: Int)?
  private var masks: Int64 = 0

  init(_ file: HDF5Writer, _ path: String, classes: Int) { (self.file, self.path, classCount) = (file, path, classes) }

  mutating func append(_ sample: Sample, _ index: Int) throws {
    let (width, height) = (sample.image.width, sample.image.height)
    if let size, size != (width, height) {
      throw FileError(
        .malformed, path,
        "image \(index) is \(width)×\(height), the first \(size.width)×\(size.height); resize and crop them to one size"
      )
    }
    size = (width, height)
    try file.append(bytes: sample.image.pixels, to: PackedImages.defaultNames.images, sizes: [height, width, 3])
    try file.append(numbers: [Int64(sample.label)], to: PackedImages.defaultNames.labels)
    for object in sample.objects {
      var mask: Int64 = -1
      if let pixels = object.mask {
        mask = masks
        masks += 1
        try file.append(bytes: pixels.map { $0 ? 1 : 0 }, to: Annotations.Name.masks, sizes: [height, width])
      }
      let edges = [
        object.columns.lowerBound, object.rows.lowerBound, object.columns.upperBound, object.rows.upperBound,
      ]
      try file.append(
        numbers: [Int64(classes.count), Int64(object.label)] + edges.map { Int64($0) } + [mask],
        to: Annotations.Name.objects,
        sizes: [Annotations.objectColumns])
    }
    classes.append(sample.labels)
    haveOneClass = haveOneClass && sample.labels == [sample.label]
  }

  /// Writes the table of all classes of each image, if any image has other classes than its label.
  func finish() throws {
    guard !haveOneClass else { return }
    for classes in classes {
      var row = [UInt8](repeating: 0, count: classCount)
      for label in classes { row[label] = 1 }
      try file.append(bytes: row, to: Annotations.Name.classes, sizes: [classCount])
    }
  }
}
