import CHDF5
import CHDF5Reader
import Tensors

/// An HDF5 file that is open for reading.
///
/// The HDF5 library verifies data only where there are checksums, as in the files that metasal writes. On damaged files
/// of older versions of the format, which h5py writes by default, it can crash, hang or exhaust the memory. So it runs
/// in a separate process, see `HDF5Process`.
public final class HDF5Reader: Sendable {
  /// The description of a data set in the file; its values are not checked and can be nonsense.
  struct DataSet: Sendable {
    let name: String
    /// The class of the element type, for example `H5T_FLOAT`.
    let kind: H5T_class_t
    /// The size of an element in bytes, and the number of bytes that all elements take in the file.
    let elementSize, stored: Int
    let isCompressed: Bool
    /// The sizes of the data set and of a chunk; sizes too large for an `Int` are clamped. `chunk` is empty if the data
    /// set is not stored in chunks.
    let shape, chunk: [Int]
    /// The number of elements of the data set and of a chunk; nil where the product of the sizes overflows.
    let count, chunkCount: Int?
    /// The reason why its elements cannot be read; nil if they can.
    let problem: String?
  }

  /// The type to which elements are converted when they are read.
  enum Element {
    case uint8, int64, float, double

    fileprivate var code: Int {
      switch self {
      case .uint8: METASAL_HDF5_UINT8
      case .int64: METASAL_HDF5_INT64
      case .float: METASAL_HDF5_FLOAT
      case .double: METASAL_HDF5_DOUBLE
      }
    }
  }

  /// The path of the file that is read.
  public let path: String
  private let fileSize: Int
  let process: HDF5Process

  /// Opens the file.
  ///
  /// - Throws: a ``FileError`` if the file is missing or is not an HDF5 file.
  public init(_ path: String) throws {
    self.path = path
    fileSize = try Files.size(path)
    process = try HDF5Process(path, Self.limits(fileSize))
  }

  /// The paths of all data sets, sorted by name.
  func names() throws(FileError) -> [String] {
    let (status, bytes) = try process.ask(request(METASAL_HDF5_NAMES))
    guard status != METASAL_HDF5_ELSEWHERE else { throw elsewhere(Self.texts(bytes).first ?? "") }
    guard status == METASAL_HDF5_DONE else {
      throw FileError(.malformed, path, "its groups are damaged, or nest too deeply")
    }
    return Self.texts(bytes)
  }

  /// The root group's text attributes. An attribute that is a list of texts becomes one text with a line for each.
  public func attributes() throws(FileError) -> [String: String] {
    let (status, bytes) = try process.ask(request(METASAL_HDF5_ATTRIBUTES))
    guard status == METASAL_HDF5_DONE else {
      let what = status > 0 ? "attribute \(status - 1) of its root group" : "its root group"
      throw FileError(.malformed, path, "\(what) is damaged")
    }
    let texts = Self.texts(bytes)
    return Dictionary(stride(from: 1, to: texts.count, by: 2).map { (texts[$0 - 1], texts[$0]) }) { $1 }
  }

  /// The description of the data set with this name; nil if there is none.
  ///
  /// - Throws: a ``FileError`` if it cannot be opened.
  func dataSet(_ name: String) throws(FileError) -> DataSet? {
    let (status, bytes) = try process.ask(request(METASAL_HDF5_DESCRIBE), name)
    guard status != METASAL_HDF5_ABSENT else { return nil }
    guard status != METASAL_HDF5_ELSEWHERE else { throw elsewhere(name) }
    var set = metasal_hdf5_set()
    guard status == METASAL_HDF5_DONE, bytes.count == MemoryLayout.size(ofValue: set) else {
      throw FileError(
        .malformed, path,
        "data set '\(name)': cannot be opened: it is damaged, or in a version of the format that is newer than the HDF5 library here"
      )
    }
    withUnsafeMutableBytes(of: &set) { $0.copyBytes(from: bytes) }
    let (shape, chunk) = (Self.sizes(of: set.shape, set.rank), Self.sizes(of: set.chunk, set.chunk_rank))
    return DataSet(
      name: name, kind: H5T_class_t(set.kind), elementSize: Int(clamping: set.element_size),
      // A damaged file may claim more bytes than it has.
      stored: min(Int(clamping: set.stored), fileSize), isCompressed: set.filters > 0, shape: shape, chunk: chunk,
      count: StridedPositions.count(shape), chunkCount: StridedPositions.count(chunk), problem: Self.problem(set))
  }

  /// The error for a link to another file. Links are not followed because a file from an untrusted source must not be
  /// able to open other files.
  private func elsewhere(_ link: String) -> FileError {
    FileError(.malformed, path, "'\(link)' is a link to another file, which is not followed")
  }

  private static func problem(_ set: metasal_hdf5_set) -> String? {
    guard set.is_elsewhere == 0 else { return "its elements lie in other files, which are not read" }
    guard set.missing_filter < 0 else {
      let name = withUnsafeBytes(of: set.missing_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      return
        "its chunks are packed by the filter \(set.missing_filter) (\(name)), which the HDF5 library here lacks; gzip is read"
    }
    guard (0...StridedPositions.largestRank).contains(Int(set.rank)) else { return "has \(set.rank) axes" }
    return lost(set)
  }

  /// The message about elements that are missing in the file, for which the library would silently return zeros; nil if
  /// none are missing.
  private static func lost(_ set: metasal_hdf5_set) -> String? {
    let (shape, chunk) = (Self.sizes(of: set.shape, set.rank), Self.sizes(of: set.chunk, set.chunk_rank))
    guard let count = StridedPositions.count(shape), count > 0 else { return nil }
    let cause = "it was never written, or the file is damaged"
    guard !chunk.isEmpty, chunk.count == shape.count, !chunk.contains(0) else {
      return set.stored > 0 ? nil : "has no elements in the file: \(cause)"
    }
    let chunks = zip(shape, chunk).reduce(1.0) { $0 * Double(($1.0 - 1) / $1.1 + 1) }
    return Double(set.chunks) >= chunks
      ? nil
      : "only \(set.chunks) of its \(Int(clamping: Int64(exactly: chunks) ?? .max)) chunks are in the file: \(cause)"
  }

  /// The first `rank` sizes of a C array of axes.
  private static func sizes<Axes>(of axes: Axes, _ rank: Int32) -> [Int] {
    withUnsafeBytes(of: axes) { raw in
      raw.bindMemory(to: UInt64.self).prefix(Int(max(0, rank))).map { Int(clamping: $0) }
    }
  }

  /// Whether there is a data set with this name, of any kind.
  public func has(_ name: String) throws(FileError) -> Bool { try dataSet(name) != nil }

  /// The text in a data set of texts, several joined as lines; nil if there is no data set with this name or it has no
  /// texts.
  ///
  /// - Throws: a ``FileError`` if it cannot be read.
  public func text(of name: String) throws(FileError) -> String? {
    guard let set = try dataSet(name), set.kind == H5T_STRING else { return nil }
    guard set.problem == nil else { throw FileError(.malformed, path, "data set '\(name)': \(set.problem ?? "")") }
    let (status, bytes) = try process.ask(request(METASAL_HDF5_TEXTS), name)
    guard status == METASAL_HDF5_DONE else {
      throw FileError(.malformed, path, "data set '\(name)': its texts cannot be read")
    }
    return Self.texts(bytes).first
  }

  /// Reads a range of rows of a data set, which are positions on its first axis. A data set without axes counts as one
  /// row.
  ///
  /// - Returns: whether they could be read. `bytes` must have exactly the size of the converted rows.
  func read(
    rows: Range<Int>, of set: DataSet, as element: Element, into bytes: UnsafeMutableRawBufferPointer
  ) throws(FileError) -> Bool {
    var request = request(METASAL_HDF5_READ)
    request.element = Int32(element.code)
    (request.first, request.rows, request.bytes) = (UInt64(rows.lowerBound), UInt64(rows.count), UInt64(bytes.count))
    let chunk = (set.chunkCount ?? 0).multipliedReportingOverflow(by: set.elementSize).partialValue
    request.limits = Self.limits(fileSize, bytes.count, chunk)
    return try process.read(request, set.name, into: bytes)
  }

  private func request(_ what: Int) -> metasal_hdf5_request {
    var request = metasal_hdf5_request()
    (request.what, request.limits) = (Int32(what), Self.limits(fileSize))
    return request
  }

  /// The limits on memory and time for a request: a fixed part plus a part proportional to the amount of data.
  private static func limits(_ sizes: Int...) -> metasal_hdf5_limits {
    let size = sizes.reduce(0) { $0 + UInt64(clamping: min($1, 1 << 48)) }
    return metasal_hdf5_limits(bytes: 1 << 28 + 4 * size, seconds: 5 + size / 10_000_000)
  }

  private static func texts(_ bytes: [UInt8]) -> [String] {
    bytes.split(separator: 0, omittingEmptySubsequences: false).dropLast().map { String(decoding: $0, as: UTF8.self) }
  }
}
