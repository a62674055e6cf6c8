import CHDF5
import Tensors

extension HDF5File {
  /// The numeric data sets and the root group's text attributes. Other kinds of data sets are passed over.
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
  /// All of a data set; nil if there is none of that name, or it has no numbers.
  ///
  /// - Throws: a ``FileError`` if it cannot be read, or makes no sense.
  public func contents(of name: String) throws -> HDF5Contents.DataSet? {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, "data set '\(name)': \(message)") }
    guard let set = try dataSet(name), [H5T_FLOAT, H5T_INTEGER].contains(set.kind) else { return nil }
    if let problem = set.problem { throw malformed(problem) }
    // Compression can make much of little; a thousandfold is more than numbers give, but for a few.
    let largest = set.isCompressed ? max(1 << 16, set.stored * 1000) : set.stored
    let size = set.elementSize
    guard (1...16).contains(size) else { throw malformed("elements of \(size) bytes") }
    guard let count = set.count, count <= largest / size else {
      throw malformed("the sizes \(set.shape) are too large for \(set.stored) bytes in the file")
    }
    // A chunk may be larger than the data set, which can grow; the library makes room for all of it.
    guard let chunkCount = set.chunkCount, chunkCount <= max(1 << 24, largest) / size else {
      throw malformed("chunks of \(set.chunk) elements are too large for \(set.stored) bytes in the file")
    }
    func readAll(_ element: Element, _ bytes: UnsafeMutableRawBufferPointer) throws(FileError) {
      guard try read(rows: 0..<(set.shape.first ?? 1), of: set, as: element, into: bytes) else {
        throw malformed("cannot be read; the file is cut off or damaged")
      }
    }
    if set.kind == H5T_INTEGER && set.shape.count <= 1 {
      var values = [Int64](repeating: 0, count: count)
      try values.withUnsafeMutableBytes { try readAll(.int64, $0) }
      return .integers(values)
    }
    let isSingle = set.kind == H5T_FLOAT && size <= 4
    return .tensor(
      try Tensor.filling(set.shape, isSingle ? .float32 : .float64) { bytes throws(FileError) in
        try readAll(isSingle ? .float : .double, bytes)
      })
  }
}
