import CHDF5
import Tensors

extension HDF5File {
  /// Reads the numeric data sets and the root group's text attributes. Data sets of other kinds are ignored.
  public static func read(_ path: String) throws -> HDF5Contents {
    let file = try HDF5Reader(path)
    var contents = HDF5Contents()
    contents.attributes = try file.attributes()
    for name in try file.names() {
      if let value = try file.contents(of: name) { contents.add(name, value) }
    }
    return contents
  }
}

extension HDF5Reader {
  /// Reads a whole data set; nil if there is none with this name or it is not numeric.
  ///
  /// - Throws: a ``FileError`` if it cannot be read or is inconsistent.
  public func contents(of name: String) throws -> HDF5Contents.DataSet? {
    guard let set = try dataSet(name), [H5T_FLOAT, H5T_INTEGER].contains(set.kind) else { return nil }
    let count = try checkedCount(set)
    if set.kind == H5T_INTEGER && set.shape.count <= 1 {
      var values = [Int64](repeating: 0, count: count)
      try values.withUnsafeMutableBytes { try readAll(set, .int64, $0) }
      return .integers(values)
    }
    let isSingle = set.kind == H5T_FLOAT && set.elementSize <= 4
    return .tensor(
      try Tensor.filling(set.shape, isSingle ? .float32 : .float64) { bytes throws(FileError) in
        try readAll(set, isSingle ? .float : .double, bytes)
      })
  }

  /// Reads a whole data set of integers of any shape, and returns its shape and values. Floating-point numbers that are
  /// integers and booleans (1 and 0) are accepted too. The result is nil if there is no data set with this name or it
  /// is not numeric.
  ///
  /// - Throws: a ``FileError`` if it cannot be read, is inconsistent, or contains a number that is not an integer.
  public func wholeNumbers(of name: String) throws -> (shape: [Int], values: [Int])? {
    guard let set = try dataSet(name), [H5T_FLOAT, H5T_INTEGER, H5T_ENUM].contains(set.kind) else { return nil }
    let count = try checkedCount(set)
    guard set.kind == H5T_FLOAT else {
      var values = [Int64](repeating: 0, count: count)
      try values.withUnsafeMutableBytes { try readAll(set, .int64, $0) }
      return (set.shape, values.map { Int($0) })
    }
    var values = [Double](repeating: 0, count: count)
    try values.withUnsafeMutableBytes { try readAll(set, .double, $0) }
    return (
      set.shape,
      try values.enumerated().map { index, value in
        guard let whole = Int(exactly: value) else {
          throw FileError(.malformed, path, "data set '\(name)': element \(index) is \(value), no whole number")
        }
        return whole
      }
    )
  }

  /// The number of elements of a numeric data set, after all checks that protect against damaged or hostile files.
  ///
  /// - Throws: a ``FileError`` if the data set is inconsistent or cannot be read.
  private func checkedCount(_ set: DataSet) throws(FileError) -> Int {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, "data set '\(set.name)': \(message)") }
    if let problem = set.problem { throw malformed(problem) }
    // Compressed data can be much larger than the file. More than a factor of 1000 is refused, except for small data
    // sets.
    let largest = set.isCompressed ? max(1 << 16, set.stored * 1000) : set.stored
    let size = set.elementSize
    guard (1...16).contains(size) else { throw malformed("elements of \(size) bytes") }
    guard let count = set.count, count <= largest / size else {
      throw malformed("the sizes \(set.shape) are too large for \(set.stored) bytes in the file")
    }
    // A chunk may be larger than a data set that can grow, and the library allocates whole chunks.
    guard let chunkCount = set.chunkCount, chunkCount <= max(1 << 24, largest) / size else {
      throw malformed("chunks of \(set.chunk) elements are too large for \(set.stored) bytes in the file")
    }
    return count
  }

  private func readAll(
    _ set: DataSet, _ element: Element, _ bytes: UnsafeMutableRawBufferPointer
  ) throws(FileError) {
    guard try read(rows: 0..<(set.shape.first ?? 1), of: set, as: element, into: bytes) else {
      throw FileError(
        .malformed, path, "data set '\(set.name)': cannot be read; the file is cut off or damaged")
    }
  }
}
