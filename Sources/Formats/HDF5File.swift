import CHDF5
import Foundation
import Synchronization
import Tensors

/// What an HDF5 file holds, as a value: data sets by path, and texts that are attached to the root group.
public struct HDF5Contents: Sendable {
  /// A data set of floating-point numbers of any shape, or a list of integers.
  public enum DataSet: Sendable {
    case tensor(Tensor)
    case integers([Int64])
  }

  /// The data sets, in the order they were added.
  public private(set) var dataSets: [(path: String, value: DataSet)] = []
  /// Text attributes of the root group.
  public var attributes: [String: String] = [:]

  /// An empty file.
  public init() {}

  /// Adds a data set; groups on the way to it are made.
  public mutating func add(_ path: String, _ value: DataSet) { dataSets.append((path, value)) }

  /// The floating-point data set at a path.
  public func tensor(_ path: String) -> Tensor? {
    if case .tensor(let tensor)? = dataSets.first(where: { $0.path == path })?.value { tensor } else { nil }
  }

  /// The list of integers at a path.
  public func integers(_ path: String) -> [Int64]? {
    if case .integers(let integers)? = dataSets.first(where: { $0.path == path })?.value { integers } else { nil }
  }

  /// The tensors below a group, by the rest of their path with dots for slashes.
  public func tensors(below group: String) -> NamedTensors {
    NamedTensors(
      dataSets.compactMap { path, value in
        guard path.hasPrefix(group), case .tensor(let tensor) = value else { return nil }
        return (path.dropFirst(group.count).replacingOccurrences(of: "/", with: "."), tensor)
      }, metadata: attributes)
  }
}

/// HDF5 files, through the HDF5 library. The library is not thread-safe, so calls wait for each other.
public enum HDF5File {
  private static let library = Mutex(false)

  /// Runs `body` with the library to itself and silent: errors come back as status, not on standard error.
  private static func withLibrary<Result>(_ body: () throws -> Result) throws -> Result {
    // The lock is what makes this safe: nothing of the closure's outlives the call.
    nonisolated(unsafe) let body = body
    nonisolated(unsafe) var result: Swift.Result<Result, any Error>?
    library.withLock { isOpen in
      if !isOpen {
        H5dont_atexit()  // a damaged file can leave it unable to tidy up, and it complains
        H5open()
        isOpen = true
      }
      H5Eset_auto2(hid_t(0), nil, nil)  // a setting of the calling thread
      result = Swift.Result { try body() }
    }
    guard let result else { throw FileError(.malformed, "HDF5", "the library did not answer") }
    return try result.get()
  }

  /// Writes the file beside its place and renames it into place. Bytes depend on the contents alone.
  public static func write(_ contents: HDF5Contents, to path: String) throws {
    try Files.replace(path) { temporary in
      try withLibrary {
        func unwritable(_ what: String) -> FileError { FileError(.unwritable, path, "\(what) cannot be written") }
        let file = H5Fcreate(temporary, metasal_h5f_acc_trunc(), hid_t(0), hid_t(0))
        guard file >= 0 else { throw unwritable("the file") }
        defer { H5Fclose(file) }
        for (name, text) in contents.attributes.sorted(by: { $0.key < $1.key }) {
          guard writeAttribute(file, name, text) else { throw unwritable("attribute '\(name)'") }
        }
        let links = H5Pcreate(metasal_h5p_link_create())
        defer { H5Pclose(links) }
        H5Pset_create_intermediate_group(links, 1)
        for (name, value) in contents.dataSets {
          guard writeDataSet(file, name, value, links) else { throw unwritable("data set '\(name)'") }
        }
      }
    }
  }

  private static func writeDataSet(_ file: hid_t, _ name: String, _ value: HDF5Contents.DataSet, _ links: hid_t) -> Bool
  {
    let (shape, stored, memory): ([Int], hid_t, hid_t) =
      switch value {
      case .tensor(let x) where x.scalarType == .float32:
        (x.shape, metasal_h5t_ieee_f32le(), metasal_h5t_native_float())
      case .tensor(let x): (x.shape, metasal_h5t_ieee_f64le(), metasal_h5t_native_double())
      case .integers(let x): ([x.count], metasal_h5t_std_i64le(), metasal_h5t_native_int64())
      }
    let space =
      shape.isEmpty ? H5Screate(H5S_SCALAR) : H5Screate_simple(Int32(shape.count), shape.map(hsize_t.init), nil)
    defer { H5Sclose(space) }
    let set = H5Dcreate2(file, name, stored, space, links, hid_t(0), hid_t(0))
    guard set >= 0 else { return false }
    defer { H5Dclose(set) }
    switch value {
    case .tensor(let x):
      return x.withUnsafeBytes { H5Dwrite(set, memory, hid_t(0), hid_t(0), hid_t(0), $0.baseAddress) >= 0 }
    case .integers(let x):
      return x.withUnsafeBytes { H5Dwrite(set, memory, hid_t(0), hid_t(0), hid_t(0), $0.baseAddress) >= 0 }
    }
  }

  private static func writeAttribute(_ object: hid_t, _ name: String, _ text: String) -> Bool {
    let bytes = Array(text.utf8) + [0]
    let type = H5Tcopy(metasal_h5t_c_s1())
    defer { H5Tclose(type) }
    H5Tset_size(type, bytes.count)
    H5Tset_cset(type, H5T_CSET_UTF8)
    let space = H5Screate(H5S_SCALAR)
    defer { H5Sclose(space) }
    let attribute = H5Acreate2(object, name, type, space, hid_t(0), hid_t(0))
    guard attribute >= 0 else { return false }
    defer { H5Aclose(attribute) }
    return H5Awrite(attribute, type, bytes) >= 0
  }

  // MARK: Reading

  /// The numeric data sets and the root group's text attributes. Other kinds of data sets are passed over.
  public static func read(_ path: String) throws -> HDF5Contents {
    let size = try Files.read(path).count
    return try withLibrary {
      let file = H5Fopen(path, metasal_h5f_acc_rdonly(), hid_t(0))
      guard file >= 0 else { throw FileError(.malformed, path, "not an HDF5 file, or a damaged one") }
      defer { H5Fclose(file) }
      var contents = HDF5Contents()
      contents.attributes = readAttributes(file)
      for name in names(in: file) {
        if let value = try readDataSet(file, name, path, fileSize: size) { contents.add(name, value) }
      }
      return contents
    }
  }

  /// Paths of all objects, in the order of their names.
  private static func names(in file: hid_t) -> [String] {
    final class Found { var names: [String] = [] }
    let found = Found()
    H5Ovisit2(
      file, H5_INDEX_NAME, H5_ITER_INC,
      { _, name, info, context in
        guard let name, let info, let context, info.pointee.type == H5O_TYPE_DATASET else { return 0 }
        Unmanaged<Found>.fromOpaque(context).takeUnretainedValue().names.append(String(cString: name))
        return 0
      }, Unmanaged.passUnretained(found).toOpaque(), UInt32(H5O_INFO_BASIC))
    return found.names
  }

  private static func readDataSet(_ file: hid_t, _ name: String, _ path: String, fileSize: Int) throws -> HDF5Contents
    .DataSet?
  {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, "data set '\(name)': \(message)") }
    let set = H5Dopen2(file, name, hid_t(0))
    guard set >= 0 else { throw malformed("cannot be opened") }
    defer { H5Dclose(set) }
    let (type, space) = (H5Dget_type(set), H5Dget_space(set))
    defer {
      H5Tclose(type)
      H5Sclose(space)
    }
    let rank = Int(H5Sget_simple_extent_ndims(space))
    guard rank >= 0, rank <= 16 else { throw malformed("has \(rank) axes") }
    var sizes = [hsize_t](repeating: 0, count: max(1, rank))
    H5Sget_simple_extent_dims(space, &sizes, nil)
    let shape = sizes.prefix(rank).compactMap { Int(exactly: $0) }
    // Compression can make much of little; a thousandfold is more than numbers give.
    guard shape.count == rank, let count = StridedPositions.count(shape), count <= max(1, fileSize) * 1000 else {
      throw malformed("the sizes \(sizes) are too large for a file of \(fileSize) bytes")
    }
    let kind = H5Tget_class(type)
    if kind == H5T_INTEGER && rank <= 1 {
      var values = [Int64](repeating: 0, count: count)
      guard H5Dread(set, metasal_h5t_native_int64(), hid_t(0), hid_t(0), hid_t(0), &values) >= 0 else {
        throw malformed("cannot be read; the file may be cut off")
      }
      return .integers(values)
    }
    guard kind == H5T_FLOAT || kind == H5T_INTEGER else { return nil }
    let isSingle = kind == H5T_FLOAT && H5Tget_size(type) <= 4
    let memory = isSingle ? metasal_h5t_native_float() : metasal_h5t_native_double()
    return .tensor(
      try Tensor.filling(shape, isSingle ? .float32 : .float64) { bytes throws(FileError) in
        guard count == 0 || H5Dread(set, memory, hid_t(0), hid_t(0), hid_t(0), bytes.baseAddress) >= 0 else {
          throw malformed("cannot be read; the file may be cut off")
        }
      })
  }

  private static func readAttributes(_ object: hid_t) -> [String: String] {
    var attributes: [String: String] = [:]
    for index in 0..<hsize_t(1000) {
      let attribute = H5Aopen_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, index, hid_t(0), hid_t(0))
      guard attribute >= 0 else { break }
      defer { H5Aclose(attribute) }
      var name = [CChar](repeating: 0, count: 1024)
      guard H5Aget_name(attribute, name.count, &name) >= 0, let text = readText(attribute) else { continue }
      attributes[String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)] = text
    }
    return attributes
  }

  /// The text of a string attribute of either kind: of fixed length, as written here, or of variable length, as h5py writes.
  private static func readText(_ attribute: hid_t) -> String? {
    let (type, space) = (H5Aget_type(attribute), H5Aget_space(attribute))
    defer {
      H5Tclose(type)
      H5Sclose(space)
    }
    guard H5Tget_class(type) == H5T_STRING, H5Sget_simple_extent_npoints(space) == 1 else { return nil }
    if H5Tis_variable_str(type) > 0 {
      var text: UnsafeMutablePointer<CChar>?
      let memory = H5Tcopy(type)
      defer { H5Tclose(memory) }
      guard H5Aread(attribute, memory, &text) >= 0, let text else { return nil }
      defer { H5free_memory(text) }
      return String(cString: text)
    }
    var bytes = [UInt8](repeating: 0, count: H5Tget_size(type))
    guard H5Aread(attribute, type, &bytes) >= 0 else { return nil }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
