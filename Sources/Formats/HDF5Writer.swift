import CHDF5

/// An HDF5 file that is being written, row after row of data sets that grow.
public final class HDF5Writer {
  private struct DataSet {
    let handle: hid_t
    let sizes: [hsize_t]
    var count: hsize_t = 0
  }

  private let path: String
  private let file: hid_t
  private var sets: [String: DataSet] = [:]
  private var groups: Set<String> = []

  private init(_ file: hid_t, _ path: String) { (self.file, self.path) = (file, path) }

  /// Writes a file beside its place and renames it into place; see ``Files/replace(_:_:)``.
  ///
  /// - Throws: what `body` throws, or a ``FileError`` if the file cannot be written.
  public static func write(to path: String, _ body: (HDF5Writer) throws -> Void) throws {
    try HDF5File.create(path) { try body(HDF5Writer($0, path)) }
  }

  /// Appends a row of bytes to a data set, which is made with its first row. Each row is compressed by itself.
  ///
  /// - Parameters:
  ///   - name: of the data set; groups on the way to it are made.
  ///   - sizes: the row's.
  public func append(bytes row: [UInt8], to name: String, sizes: [Int]) throws {
    try append(row, metasal_h5t_native_uint8(), to: name, sizes, isCompressed: true)
  }

  /// Appends a row of whole numbers to a data set, which is made with its first row; a single number where there are no sizes.
  public func append(numbers row: [Int64], to name: String, sizes: [Int] = []) throws {
    try append(row, metasal_h5t_native_int64(), to: name, sizes, isCompressed: false)
  }

  /// Attaches a text to the root group.
  public func attach(_ text: String, as name: String) throws {
    try HDF5File.withLibrary {
      guard HDF5File.writeAttribute(file, name, text) else { throw unwritable("attribute '\(name)'") }
    }
  }

  private func append<Element: BitwiseCopyable>(
    _ row: [Element], _ type: hid_t, to name: String, _ sizes: [Int], isCompressed: Bool
  ) throws {
    precondition(row.count == sizes.reduce(1, *), "HDF5Writer: \(row.count) elements of \(sizes)")
    try HDF5File.withLibrary {
      var set = try sets[name] ?? make(name, type, sizes.map(hsize_t.init), row.count, isCompressed: isCompressed)
      precondition(set.sizes == sizes.map(hsize_t.init), "HDF5Writer: a row of \(sizes) in '\(name)'")
      let (one, start) = ([1] + set.sizes, [set.count] + set.sizes.map { _ in 0 })
      set.count += 1
      sets[name] = set
      guard H5Dset_extent(set.handle, [set.count] + set.sizes) >= 0 else { throw unwritable("data set '\(name)'") }
      let (space, memory) = (H5Dget_space(set.handle), H5Screate_simple(Int32(one.count), one, nil))
      defer {
        H5Sclose(space)
        H5Sclose(memory)
      }
      let isWritten = row.withUnsafeBytes {
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nil, one, nil) >= 0
          && H5Dwrite(set.handle, type, memory, space, hid_t(0), $0.baseAddress) >= 0
      }
      guard isWritten else { throw unwritable("row \(set.count - 1) of '\(name)'") }
    }
  }

  private func make(
    _ name: String, _ type: hid_t, _ sizes: [hsize_t], _ elements: Int, isCompressed: Bool
  ) throws -> DataSet {
    // Small rows lie together in chunks of 64 KiB.
    let rows = isCompressed ? 1 : max(1, (1 << 16) / max(1, elements * H5Tget_size(type)))
    guard HDF5File.makeGroups(above: name, file, &groups) else { throw unwritable("data set '\(name)'") }
    let handle = HDF5File.createGrowing(file, name, type, sizes, chunk: hsize_t(rows), isCompressed: isCompressed)
    guard handle >= 0 else { throw unwritable("data set '\(name)'") }
    return DataSet(handle: handle, sizes: sizes)
  }

  private func unwritable(_ what: String) -> FileError { FileError(.unwritable, path, "\(what) cannot be written") }
}
