import CHDF5

/// An HDF5 file that is being written by appending rows to its data sets.
public final class HDF5Writer {
  private struct DataSet {
    let handle: hid_t
    let sizes: [hsize_t]
    let element: HDF5Reader.Element
    var count: hsize_t = 0
    /// The checksum of all rows written so far.
    var checksum = Checksum()
  }

  private let path: String
  private let file: hid_t
  private var sets: [String: DataSet] = [:]
  private var groups: Set<String> = []
  private var attributes: [String: String] = [:]

  private init(_ file: hid_t, _ path: String) { (self.file, self.path) = (file, path) }

  /// Writes a file as ``Files/write(to:_:)`` does: the new file is read back and compared before it replaces the old
  /// one.
  ///
  /// - Throws: what `body` throws, or a ``FileError`` if the file cannot be written.
  public static func write(to path: String, _ body: (HDF5Writer) throws -> Void) throws {
    try Files.replace(path) { part in
      part.unlock()  // the library locks the file itself
      let file = try HDF5File.withLibrary { HDF5File.create(part.path) }
      let writer = HDF5Writer(file, path)
      guard file >= 0 else { throw writer.interrupted("the file") }
      do {
        try writer.attach(Ownership.name, as: Ownership.key)
        try body(writer)
        try writer.finish()
      } catch {
        _ = try? HDF5File.withLibrary { H5Fclose(file) }
        throw error
      }
      guard try HDF5File.withLibrary({ H5Fclose(file) }) >= 0 else { throw writer.interrupted("the file") }
      try writer.verify(part.path)
    }
  }

  /// Makes the library write everything that it still buffers.
  private func finish() throws {
    try HDF5File.withLibrary {
      for (name, set) in sets.sorted(by: { $0.key < $1.key }) where H5Dclose(set.handle) < 0 {
        throw interrupted("data set '\(name)'")
      }
      guard H5Fflush(file, H5F_SCOPE_LOCAL) >= 0 else { throw interrupted("the file") }
    }
  }

  /// The number of bytes of rows that are read back at a time.
  private static let piece = 1 << 22

  /// Reads everything back and compares checksums, because the library does not report every failure to write.
  private func verify(_ path: String) throws {
    func differs(_ what: String) -> FileError {
      FileError(.interrupted, self.path, "\(what) cannot be read again as it was written")
    }
    let reader: HDF5Reader
    do { reader = try HDF5Reader(path) } catch { throw differs("the file") }
    guard try reader.attributes() == attributes else { throw differs("the attributes") }
    for (name, set) in sets {
      let shape = ([set.count] + set.sizes).map { Int($0) }
      guard let found = try? reader.dataSet(name), found.problem == nil, found.shape == shape else {
        throw differs("data set '\(name)'")
      }
      let row = set.checksum.count / max(1, shape[0])
      let rows = max(1, Self.piece / max(1, row))
      var checksum = Checksum()
      var bytes = [UInt8](repeating: 0, count: rows * row)
      for first in stride(from: 0, to: shape[0], by: rows) {
        let range = first..<min(shape[0], first + rows)
        let isSame = bytes.withUnsafeMutableBytes { bytes in
          let piece = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(range.count * row)])
          let isRead = (try? reader.read(rows: range, of: found, as: set.element, into: piece)) ?? false
          checksum.add(UnsafeRawBufferPointer(piece))
          return isRead
        }
        guard isSame else { throw differs("data set '\(name)'") }
      }
      guard checksum == set.checksum else { throw differs("data set '\(name)'") }
    }
  }

  /// Appends a row of bytes of shape `sizes` to a data set. The first row creates the data set and the groups in its
  /// path. Each row is compressed by itself. Throws a ``FileError`` if the file cannot be written.
  public func append(bytes row: [UInt8], to name: String, sizes: [Int]) throws {
    try append(row, .uint8, to: name, sizes)
  }

  /// Appends a row of integers of shape `sizes` to a data set, which the first row creates; without `sizes` a row is a
  /// single number.
  public func append(numbers row: [Int64], to name: String, sizes: [Int] = []) throws {
    try append(row, .int64, to: name, sizes)
  }

  /// Adds a text attribute to the root group.
  public func attach(_ text: String, as name: String) throws {
    try HDF5File.withLibrary {
      guard HDF5File.writeAttribute(file, name, text) else { throw interrupted("attribute '\(name)'") }
      attributes[name] = text
    }
  }

  private func append<Number: BitwiseCopyable>(
    _ row: [Number], _ element: HDF5Reader.Element, to name: String, _ sizes: [Int]
  ) throws {
    precondition(row.count == sizes.reduce(1, *), "HDF5Writer: \(row.count) elements of \(sizes)")
    try HDF5File.withLibrary {
      var set = try sets[name] ?? make(name, element, sizes.map(hsize_t.init), row.count)
      precondition(set.sizes == sizes.map(hsize_t.init), "HDF5Writer: a row of \(sizes) in '\(name)'")
      let (one, start) = ([1] + set.sizes, [set.count] + set.sizes.map { _ in 0 })
      set.count += 1
      row.withUnsafeBytes { set.checksum.add($0) }
      sets[name] = set
      guard H5Dset_extent(set.handle, [set.count] + set.sizes) >= 0 else { throw interrupted("data set '\(name)'") }
      let (space, memory) = (H5Dget_space(set.handle), H5Screate_simple(Int32(one.count), one, nil))
      defer {
        H5Sclose(space)
        H5Sclose(memory)
      }
      let isWritten = row.withUnsafeBytes {
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nil, one, nil) >= 0
          && H5Dwrite(set.handle, Self.type(element), memory, space, hid_t(0), $0.baseAddress) >= 0
      }
      guard isWritten else { throw interrupted("row \(set.count - 1) of '\(name)'") }
    }
  }

  /// Creates a data set. Rows of bytes are compressed, each in its own chunk; small rows of numbers share chunks of 64
  /// KiB.
  private func make(
    _ name: String, _ element: HDF5Reader.Element, _ sizes: [hsize_t], _ elements: Int
  ) throws -> DataSet {
    let type = Self.type(element)
    let rows = element == .uint8 ? 1 : max(1, (1 << 16) / max(1, elements * H5Tget_size(type)))
    guard HDF5File.makeGroups(above: name, file, &groups) else { throw interrupted("data set '\(name)'") }
    let handle = HDF5File.createGrowing(
      file, name, type, sizes, chunk: hsize_t(rows), isCompressed: element == .uint8)
    guard handle >= 0 else { throw interrupted("data set '\(name)'") }
    return DataSet(handle: handle, sizes: sizes, element: element)
  }

  private static func type(_ element: HDF5Reader.Element) -> hid_t {
    element == .uint8 ? metasal_h5t_native_uint8() : metasal_h5t_native_int64()
  }

  private func interrupted(_ what: String) -> FileError { FileError(.interrupted, path, "\(what) cannot be written") }
}
