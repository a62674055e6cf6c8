import CHDF5
import Foundation
import Synchronization
import Tensors

/// The contents of an HDF5 file as a value: data sets by path, and text attributes of the root group.
public struct HDF5Contents: Sendable {
  /// A data set of floating-point numbers of any shape, or a list of integers.
  public enum DataSet: Sendable {
    /// Floating-point numbers, stored in the tensor's own precision.
    case tensor(Tensor)
    /// Floating-point numbers that are stored as float16.
    case half(Tensor)
    /// A list of 64-bit integers.
    case integers([Int64])
  }

  /// The data sets, in the order they were added.
  public private(set) var dataSets: [(path: String, value: DataSet)] = []
  /// Text attributes of the root group.
  public var attributes: [String: String] = [:]

  /// An empty file.
  public init() {}

  /// Adds a data set; the groups in its path are created when the file is written.
  public mutating func add(_ path: String, _ value: DataSet) { dataSets.append((path, value)) }

  /// The floating-point data set at a path.
  public func tensor(_ path: String) -> Tensor? {
    if case .tensor(let tensor)? = dataSets.first(where: { $0.path == path })?.value { tensor } else { nil }
  }

  /// The list of integers at a path.
  public func integers(_ path: String) -> [Int64]? {
    if case .integers(let integers)? = dataSets.first(where: { $0.path == path })?.value { integers } else { nil }
  }

  /// The tensors below a group, by the rest of their path with dots in place of slashes.
  public func tensors(below group: String) -> NamedTensors {
    NamedTensors(
      dataSets.compactMap { path, value in
        guard path.hasPrefix(group), case .tensor(let tensor) = value else { return nil }
        return (path.dropFirst(group.count).replacingOccurrences(of: "/", with: "."), tensor)
      }, metadata: attributes)
  }
}

/// Writing of HDF5 files through the HDF5 library. The library is not thread-safe, so its calls are serialized by a
/// lock.
public enum HDF5File {
  private static let library = Mutex(false)

  /// Runs `body` with exclusive use of the library. The library's own error output is off: errors are returned as
  /// status codes, not printed on standard error.
  static func withLibrary<Result>(_ body: () throws -> Result) throws -> Result {
    // This is safe because `body` runs under the lock and nothing that it captures is used after the call.
    nonisolated(unsafe) let body = body
    nonisolated(unsafe) var result: Swift.Result<Result, any Error>?
    library.withLock { isOpen in
      if !isOpen {
        H5dont_atexit()  // after a damaged file the library cannot clean up at exit, and prints errors
        H5open()
        isOpen = true
      }
      H5Eset_auto2(hid_t(0), nil, nil)  // this setting belongs to the calling thread
      result = Swift.Result { try body() }
    }
    guard let result else { throw FileError(.malformed, "HDF5", "the library did not answer") }
    return try result.get()
  }

  /// Writes an HDF5 file; see ``Files/write(to:_:)``. The bytes depend on the contents alone.
  ///
  /// Everything is written with checksums, in the newest version of the format that the library knows: in files of
  /// older versions the library does not check what it reads, and can crash on a damaged one.
  public static func write(_ contents: HDF5Contents, to path: String) throws {
    try Files.write(try image(of: contents, path), to: path)
  }

  /// Builds the file in memory and returns its bytes, because the library does not report every failure to write to a
  /// disk.
  private static func image(of contents: HDF5Contents, _ path: String) throws -> Data {
    func unwritable(_ what: String) -> FileError { FileError(.unwritable, path, "\(what) cannot be written") }
    return try withLibrary {
      // The library keeps this pointer and writes to it until the file is closed.
      let image = UnsafeMutablePointer<metasal_h5_image>.allocate(capacity: 1)
      image.initialize(to: metasal_h5_image())
      defer { image.deallocate() }
      // The library checks whether a file of that name exists, so the name is one under which no file can exist.
      let file = create("/dev/null/image", in: image)
      guard file >= 0 else { throw unwritable("the file") }
      do { try write(contents, file, unwritable) } catch {
        H5Fclose(file)
        free(image.pointee.bytes)
        throw error
      }
      guard H5Fflush(file, H5F_SCOPE_LOCAL) >= 0, H5Fclose(file) >= 0, let bytes = image.pointee.bytes,
        image.pointee.count > endOffset + 8
      else {
        free(image.pointee.bytes)
        throw unwritable("the file")
      }
      let end = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: endOffset, as: UInt64.self))
      return Data(bytesNoCopy: bytes, count: min(image.pointee.count, Int(clamping: end)), deallocator: .free)
    }
  }

  /// The byte offset of the end-of-file address in a superblock of version 2 or later.
  private static let endOffset = 28

  private static func write(
    _ contents: HDF5Contents, _ file: hid_t, _ unwritable: (String) -> FileError
  ) throws(FileError) {
    let attributes = contents.attributes.merging([Ownership.key: Ownership.name]) { $1 }
    for (name, text) in attributes.sorted(by: { $0.key < $1.key }) {
      guard writeAttribute(file, name, text) else { throw unwritable("attribute '\(name)'") }
    }
    var groups: Set<String> = []
    for (name, value) in contents.dataSets {
      guard makeGroups(above: name, file, &groups), writeDataSet(file, name, value) else {
        throw unwritable("data set '\(name)'")
      }
    }
  }

  /// Creates an empty file and returns its open handle, negative if that fails. Closing the handle closes everything
  /// that was opened in the file. The file is created in memory if `image` is given, else on the disk.
  static func create(_ path: String, in image: UnsafeMutablePointer<metasal_h5_image>? = nil) -> hid_t {
    let access = H5Pcreate(metasal_h5p_file_access())
    defer { H5Pclose(access) }
    let creation = timeless(metasal_h5p_file_create())
    defer { H5Pclose(creation) }
    guard H5Pset_libver_bounds(access, metasal_h5f_libver_latest(), metasal_h5f_libver_latest()) >= 0,
      H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0, image.map({ metasal_h5_in_memory(access, $0) >= 0 }) ?? true
    else { return -1 }
    return H5Fcreate(path, metasal_h5f_acc_trunc(), creation, access)
  }

  /// Creates a data set with no rows yet, to which rows of shape `sizes` can be appended, and returns its open handle,
  /// negative if that fails. A chunk holds `rows` rows.
  static func createGrowing(
    _ file: hid_t, _ name: String, _ type: hid_t, _ sizes: [hsize_t], chunk rows: hsize_t, isCompressed: Bool
  ) -> hid_t {
    let space = H5Screate_simple(Int32(sizes.count + 1), [0] + sizes, [metasal_h5s_unlimited()] + sizes)
    let settings = timeless(metasal_h5p_dataset_create())
    defer {
      H5Sclose(space)
      H5Pclose(settings)
    }
    guard H5Pset_chunk(settings, Int32(sizes.count + 1), [rows] + sizes) >= 0,
      !isCompressed || H5Pset_deflate(settings, 4) >= 0, H5Pset_fletcher32(settings) >= 0
    else { return -1 }
    return H5Dcreate2(file, name, type, space, hid_t(0), settings, hid_t(0))
  }

  /// A property list for creating an object, with modification times switched off so that files do not depend on the
  /// time.
  private static func timeless(_ kind: hid_t) -> hid_t {
    let settings = H5Pcreate(kind)
    H5Pset_obj_track_times(settings, false)
    return settings
  }

  static func makeGroups(above name: String, _ file: hid_t, _ made: inout Set<String>) -> Bool {
    let settings = timeless(metasal_h5p_group_create())
    defer { H5Pclose(settings) }
    for slash in name.indices where name[slash] == "/" && made.insert(String(name[..<slash])).inserted {
      let group = H5Gcreate2(file, String(name[..<slash]), hid_t(0), settings, hid_t(0))
      guard group >= 0, H5Gclose(group) >= 0 else { return false }
    }
    return true
  }

  private static func writeDataSet(_ file: hid_t, _ name: String, _ value: HDF5Contents.DataSet) -> Bool {
    let (shape, stored, memory): ([Int], hid_t, hid_t) =
      switch value {
      case .tensor(let x) where x.scalarType == .float32:
        (x.shape, metasal_h5t_ieee_f32le(), metasal_h5t_native_float())
      case .tensor(let x): (x.shape, metasal_h5t_ieee_f64le(), metasal_h5t_native_double())
      case .half(let x):
        (x.shape, halfType, x.scalarType == .float32 ? metasal_h5t_native_float() : metasal_h5t_native_double())
      case .integers(let x): ([x.count], metasal_h5t_std_i64le(), metasal_h5t_native_int64())
      }
    let sizes = shape.map(hsize_t.init)
    let space = shape.isEmpty ? H5Screate(H5S_SCALAR) : H5Screate_simple(Int32(shape.count), sizes, nil)
    defer { H5Sclose(space) }
    let settings = timeless(metasal_h5p_dataset_create())
    defer { H5Pclose(settings) }
    // Only chunks and object headers have checksums. A scalar is stored in the header; a chunk needs at least one
    // element and less than 4 GB.
    var isSealed = true
    if sizes.isEmpty {
      isSealed = H5Pset_layout(settings, H5D_COMPACT) >= 0
    } else if !sizes.contains(0), sizes.reduce(1, *) < 1 << 28 {
      isSealed = H5Pset_chunk(settings, Int32(sizes.count), sizes) >= 0 && H5Pset_fletcher32(settings) >= 0
    }
    guard isSealed, isName(name) else { return false }
    let set = H5Dcreate2(file, name, stored, space, hid_t(0), settings, hid_t(0))
    guard set >= 0 else { return false }
    func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
      H5Dwrite(set, memory, hid_t(0), hid_t(0), hid_t(0), bytes.baseAddress) >= 0
    }
    let isWritten =
      switch value {
      case .tensor(let x), .half(let x): x.withUnsafeBytes(write)
      case .integers(let x): x.withUnsafeBytes(write)
      }
    // The library writes most of the data only here, so the status of closing counts too.
    return H5Dclose(set) >= 0 && isWritten
  }

  /// Whether the name survives in the library, which takes it as a C string that ends at the first zero byte.
  private static func isName(_ name: String) -> Bool { !name.isEmpty && !name.utf8.contains(0) }

  /// IEEE 754 half precision, for which the library has no predefined type.
  private static let halfType: hid_t = {
    let type = H5Tcopy(metasal_h5t_ieee_f32le())
    H5Tset_fields(type, 15, 10, 5, 0, 10)
    H5Tset_size(type, 2)
    H5Tset_ebias(type, 15)
    return type
  }()

  static func writeAttribute(_ object: hid_t, _ name: String, _ text: String) -> Bool {
    let bytes = Array(text.utf8) + [0]
    let type = H5Tcopy(metasal_h5t_c_s1())
    defer { H5Tclose(type) }
    H5Tset_size(type, bytes.count)
    H5Tset_cset(type, H5T_CSET_UTF8)
    let space = H5Screate(H5S_SCALAR)
    defer { H5Sclose(space) }
    guard isName(name), !text.utf8.contains(0) else { return false }
    let attribute = H5Acreate2(object, name, type, space, hid_t(0), hid_t(0))
    guard attribute >= 0 else { return false }
    let isWritten = H5Awrite(attribute, type, bytes) >= 0
    return H5Aclose(attribute) >= 0 && isWritten
  }
}
