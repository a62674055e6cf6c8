import CHDF5

/// A data set of bytes or booleans in an HDF5 file that is read row by row; a row is a position on its first axis.
public struct HDF5Rows: Sendable {
  /// The sizes of the data set, the number of rows first. No size is 0.
  public let shape: [Int]
  private let file: HDF5Reader
  private let set: HDF5Reader.DataSet

  /// Opens the data set with this name in a file. `axes` names the expected axes in error messages. Throws a
  /// ``FileError`` if there is no data set with this name or it does not have bytes and these axes.
  public init(_ file: HDF5Reader, _ name: String, axes: [String]) throws {
    func malformed(_ message: String) -> FileError { FileError(.malformed, file.path, message) }
    guard let set = try file.dataSet(name) else {
      throw malformed("no data set named '\(name)', where \(axes[0]) are expected")
    }
    if let problem = Self.problem(set, axes) { throw malformed("data set '\(name)': \(problem)") }
    (self.file, self.set, shape) = (file, set, set.shape)
  }

  /// The reason why a data set cannot be read in rows; nil if it can.
  private static func problem(_ set: HDF5Reader.DataSet, _ axes: [String]) -> String? {
    guard [H5T_INTEGER, H5T_ENUM].contains(set.kind), set.elementSize == 1 else { return "expected bytes" }
    if let problem = set.problem { return problem }
    guard set.shape.count == axes.count, set.shape.allSatisfy({ $0 > 0 }), let count = set.count else {
      return "found the shape \(set.shape), expected [\(axes.joined(separator: ", "))]"
    }
    // A row is read as a whole, and so are all chunks that contain a part of it.
    guard count <= max(1 << 16, set.stored * 1000), count / set.shape[0] <= 1 << 28,
      let chunk = set.chunkCount, chunk <= 1 << 28
    else { return "\(set.shape) is too large for \(set.stored) bytes in the file" }
    return nil
  }

  /// The bytes of a row.
  ///
  /// - Throws: a ``FileError`` if the row cannot be read.
  public subscript(row: Int) -> [UInt8] {
    get throws {
      var bytes = [UInt8](repeating: 0, count: shape.dropFirst().reduce(1, *))
      let isRead = try bytes.withUnsafeMutableBytes {
        try file.read(rows: row..<row + 1, of: set, as: .uint8, into: $0)
      }
      guard isRead else {
        throw FileError(
          .malformed, file.path, "row \(row) of '\(set.name)' cannot be read; the file is cut off or damaged")
      }
      return bytes
    }
  }
}
