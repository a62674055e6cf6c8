import CHDF5
import Tensors

// The library checks what it reads only where there are checksums, as in the files written here. A damaged file of an older
// version, which is what h5py writes, can still crash it, in the attributes' and types' descriptions and in texts of
// variable length; what could be ruled out from here is.
extension HDF5File {
  /// Groups in groups are walked by recursion.
  private static let deepestPath = 64
  /// So many bytes are granted to a data set that has nothing stored, as one that was never written.
  private static let smallestRoom = 1 << 16

  /// The numeric data sets and the root group's text attributes. Other kinds of data sets are passed over.
  ///
  /// - Parameter wanted: the data sets to read; nil for all.
  public static func read(_ path: String, only wanted: Set<String>? = nil) throws -> HDF5Contents {
    let size = try Files.read(path).count
    return try withLibrary {
      let file = H5Fopen(path, metasal_h5f_acc_rdonly(), hid_t(0))
      guard file >= 0 else { throw FileError(.malformed, path, "not an HDF5 file, or a damaged one") }
      defer { H5Fclose(file) }
      var contents = HDF5Contents()
      contents.attributes = try readAttributes(file, path, fileSize: size)
      for name in try names(in: file, path) where wanted?.contains(name) ?? true {
        if let value = try readDataSet(file, name, path, fileSize: size) { contents.add(name, value) }
      }
      return contents
    }
  }

  /// Paths of all data sets, in the order of their names.
  private static func names(in file: hid_t, _ path: String) throws -> [String] {
    final class Found { var names: [String] = [] }
    let found = Found()
    let status = H5Ovisit2(
      file, H5_INDEX_NAME, H5_ITER_INC,
      { _, name, info, context in
        guard let name, let info, let context else { return -1 }
        let path = String(cString: name)
        guard path.utf8.count(where: { $0 == UInt8(ascii: "/") }) < HDF5File.deepestPath else { return -1 }
        if info.pointee.type == H5O_TYPE_DATASET {
          Unmanaged<Found>.fromOpaque(context).takeUnretainedValue().names.append(path)
        }
        return 0
      }, Unmanaged.passUnretained(found).toOpaque(), UInt32(H5O_INFO_BASIC))
    guard status >= 0 else { throw FileError(.malformed, path, "its groups are damaged, or nest too deeply") }
    return found.names
  }

  private static func readDataSet(
    _ file: hid_t, _ name: String, _ path: String, fileSize: Int
  ) throws -> HDF5Contents.DataSet? {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, "data set '\(name)': \(message)") }
    let set = H5Dopen2(file, name, hid_t(0))
    guard set >= 0 else { throw malformed(unopened) }
    defer { H5Dclose(set) }
    let (type, space, settings) = (H5Dget_type(set), H5Dget_space(set), H5Dget_create_plist(set))
    defer {
      H5Tclose(type)
      H5Sclose(space)
      H5Pclose(settings)
    }
    let kind = H5Tget_class(type)
    guard kind == H5T_FLOAT || kind == H5T_INTEGER else { return nil }
    guard H5Pget_layout(settings) != H5D_VIRTUAL, H5Pget_external_count(settings) <= 0 else {
      throw malformed("its elements lie in other files, which are not read")
    }
    if let filter = missingFilter(settings) { throw malformed(filter) }
    let rank = Int(H5Sget_simple_extent_ndims(space))
    guard (0...StridedPositions.largestRank).contains(rank) else { throw malformed("has \(rank) axes") }
    // Compression can make much of little; a thousandfold is more than numbers give.
    let stored = min(Int(clamping: H5Dget_storage_size(set)), fileSize)
    let largest = max(smallestRoom, H5Pget_nfilters(settings) > 0 ? stored * 1000 : stored)
    let (shape, chunk) = (extent(rank) { H5Sget_simple_extent_dims(space, $0, nil) }, chunk(settings, rank))
    let size = H5Tget_size(type)
    guard (1...16).contains(size) else { throw malformed("elements of \(size) bytes") }
    guard let count = StridedPositions.count(shape), count <= largest / size else {
      throw malformed("the sizes \(shape) are too large for \(stored) bytes in the file")
    }
    // A chunk may be larger than the data set, which can grow; the library makes room for all of it.
    guard let chunkCount = StridedPositions.count(chunk), chunkCount <= max(1 << 24, largest) / size else {
      throw malformed("chunks of \(chunk) elements are too large for \(stored) bytes in the file")
    }
    if kind == H5T_INTEGER && rank <= 1 {
      var values = [Int64](repeating: 0, count: count)
      guard H5Dread(set, metasal_h5t_native_int64(), hid_t(0), hid_t(0), hid_t(0), &values) >= 0 else {
        throw malformed("cannot be read; the file is cut off or damaged")
      }
      return .integers(values)
    }
    let isSingle = kind == H5T_FLOAT && size <= 4
    let memory = isSingle ? metasal_h5t_native_float() : metasal_h5t_native_double()
    return .tensor(
      try Tensor.filling(shape, isSingle ? .float32 : .float64) { bytes throws(FileError) in
        guard count == 0 || H5Dread(set, memory, hid_t(0), hid_t(0), hid_t(0), bytes.baseAddress) >= 0 else {
          throw malformed("cannot be read; the file is cut off or damaged")
        }
      })
  }

  /// What is to be said of a data set that is there but cannot be opened.
  static let unopened = "cannot be opened: it is damaged, or in a version of the format that is newer than the HDF5 library here"

  /// What is to be said of a data set whose chunks are packed by a filter that is not here; nil if all are.
  static func missingFilter(_ settings: hid_t) -> String? {
    for index in 0..<max(0, H5Pget_nfilters(settings)) {
      var (flags, count, configuration) = (UInt32(0), 0, UInt32(0))
      var name = [CChar](repeating: 0, count: 64)
      let filter = H5Pget_filter2(settings, UInt32(index), &flags, &count, nil, name.count, &name, &configuration)
      guard filter >= 0, H5Zfilter_avail(filter) <= 0 else { continue }
      let text = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      return "its chunks are packed by the filter \(filter) (\(text)), which the HDF5 library here lacks; gzip is read"
    }
    return nil
  }

  /// Sizes that the library fills in; those too large for an `Int` are as good as the largest.
  private static func extent(_ rank: Int, _ fill: (UnsafeMutablePointer<hsize_t>) -> Void) -> [Int] {
    var sizes = [hsize_t](repeating: 0, count: max(1, rank))
    fill(&sizes)
    return sizes.prefix(rank).map { Int(clamping: $0) }
  }

  private static func chunk(_ settings: hid_t, _ rank: Int) -> [Int] {
    guard H5Pget_layout(settings) == H5D_CHUNKED else { return [] }
    return extent(rank) { H5Pget_chunk(settings, Int32(rank), $0) }
  }

  private static func readAttributes(_ object: hid_t, _ path: String, fileSize: Int) throws -> [String: String] {
    var information = H5O_info_t()
    guard H5Oget_info2(object, &information, UInt32(H5O_INFO_NUM_ATTRS)) >= 0 else {
      throw FileError(.malformed, path, "its root group is damaged")
    }
    var attributes: [String: String] = [:]
    for index in 0..<min(information.num_attrs, 1000) {
      let attribute = H5Aopen_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, index, hid_t(0), hid_t(0))
      guard attribute >= 0 else { throw FileError(.malformed, path, "attribute \(index) of its root group is damaged") }
      defer { H5Aclose(attribute) }
      var name = [CChar](repeating: 0, count: 1024)
      guard H5Aget_name(attribute, name.count, &name) >= 0, let text = readText(attribute, fileSize: fileSize) else {
        continue
      }
      attributes[String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)] = text
    }
    return attributes
  }

  /// The text of a string attribute of either kind: of fixed length, as written here, or of variable length, as h5py writes.
  private static func readText(_ attribute: hid_t, fileSize: Int) -> String? {
    let (type, space) = (H5Aget_type(attribute), H5Aget_space(attribute))
    defer {
      H5Tclose(type)
      H5Sclose(space)
    }
    guard H5Tget_class(type) == H5T_STRING, H5Sget_simple_extent_npoints(space) == 1 else { return nil }
    if H5Tis_variable_str(type) > 0 {
      var text: UnsafeMutablePointer<CChar>?
      guard H5Aread(attribute, type, &text) >= 0, let text else { return nil }
      defer { H5free_memory(text) }
      return String(cString: text)
    }
    let size = H5Tget_size(type)
    guard size <= fileSize else { return nil }
    var bytes = [UInt8](repeating: 0, count: size)
    guard H5Aread(attribute, type, &bytes) >= 0 else { return nil }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
