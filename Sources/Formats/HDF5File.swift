import CHDF5
import Foundation
import Synchronization
import Tensors

/// What an HDF5 file holds, as a value: data sets by path, and texts that are attached to the root group.
public struct HDF5Contents: Sendable {
  /// A data set of floating-point numbers of any shape, or a list of integers.
  public enum DataSet: Sendable {
    /// Floating-point numbers, stored in the precision they have.
    case tensor(Tensor)
    /// Floating-point numbers that are stored in fewer bytes than they have here.
    case half(Tensor)
    /// A list of 64-bit whole numbers.
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
  static func withLibrary<Result>(_ body: () throws -> Result) throws -> Result {
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

  /// Writes the file; see ``Files/write(to:_:)``. Bytes depend on the contents alone.
  ///
  /// Everything is written with checksums, in the newest of the format's versions that the library knows: the library
  /// trusts a file of an older version, and can crash on a damaged one.
  public static func write(_ contents: HDF5Contents, to path: String) throws {
    try Files.write(try image(of: contents, path), to: path)
  }

  /// The bytes of a file, made in memory: the library does not tell of every failure to write.
  private static func image(of contents: HDF5Contents, _ path: String) throws -> Data {
    func unwritable(_ what: String) -> FileError { FileError(.unwritable, path, "\(what) cannot be written") }
    return try withLibrary {
      // The library writes to the place that it is given until the file is closed.
      let image = UnsafeMutablePointer<metasal_h5_image>.allocate(capacity: 1)
      image.initialize(to: metasal_h5_image())
      defer { image.deallocate() }
      // The library looks at what is there under the file's name, so that is one under which nothing can be.
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

  /// Where a file says how long it is, in its superblock of version 2 and later.
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

  /// Makes an empty file, open; negative if that fails. What is opened in it is closed with it. The file is made in memory if
  /// there is an `image`, else on the disk.
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

  /// A data set without rows yet, to which rows of `sizes` can be added, open; negative if it cannot be made. A chunk has
  /// `rows` of them.
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

  /// Settings for something to be made, without the times at which it is.
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
    // Only chunks and headers have checksums. A single number goes into the header; a chunk has at least one element and less
    // than 4 GB.
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
    // Much is only written now.
    return H5Dclose(set) >= 0 && isWritten
  }

  /// Whether the library, which takes texts up to a zero, sees all of a name.
  private static func isName(_ name: String) -> Bool { !name.isEmpty && !name.utf8.contains(0) }

  /// IEEE 754's half precision, which the library has no name for.
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
