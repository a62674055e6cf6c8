import Components
import Foundation
import Tensors

/// The safetensors format (https://github.com/huggingface/safetensors): eight bytes with the header's length, a JSON
/// header with names, types, shapes and offsets, then the elements.
public enum Safetensors {
  private static let largestHeader = 100_000_000  // the format's own limit

  /// Reads the tensors of a file, in the order of their bytes in it.
  ///
  /// - Throws: a ``FileError`` if the file is missing or its header is inconsistent with it.
  public static func read(_ path: String) throws -> NamedTensors { try decode(try Files.read(path), path) }

  static func decode(_ data: Data, _ path: String) throws -> NamedTensors {
    let (tensors, metadata) = try tensors(data, path)
    return try NamedTensors(tensors.map { ($0.name, try $0.read()) }, metadata: metadata)
  }

  /// Opens a file. A tensor of an unsupported type is an error only when it is read.
  static func open(_ path: String) throws -> StoredWeights {
    let (tensors, metadata) = try tensors(try Files.read(path), path)
    return try StoredWeights(path, tensors, metadata: metadata)
  }

  /// Writes tensors without changing their layout: the caller has already converted kernels to PyTorch's layout. All
  /// numbers are stored in `precision`, or in each tensor's own precision if it is nil.
  public static func write(_ tensors: NamedTensors, as precision: StoredPrecision? = nil, to path: String) throws {
    try Files.write(to: path) { file in
      try file.append(try head(tensors, precision?.element))
      for (_, value) in ordered(tensors) { try file.append((precision?.element ?? value.elementType).data(value)) }
    }
  }

  /// The text metadata of a file; empty if it cannot be read.
  static func metadata(_ data: Data) -> [String: String] {
    (try? header(data, ""))?.entries["__metadata__"] as? [String: String] ?? [:]
  }

  /// The JSON header and its length in bytes.
  private static func header(_ data: Data, _ path: String) throws -> (entries: [String: Any], length: Int) {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, "safetensors: " + message) }
    guard data.count >= 8 else { throw malformed("\(data.count) bytes, where a header of at least 8 is expected") }
    let length = data.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    guard length <= UInt64(min(largestHeader, data.count - 8)) else {
      throw malformed("a header of \(length) bytes is announced in a file of \(data.count)")
    }
    let json = data.dropFirst(8).prefix(Int(length))
    guard let entries = (try? JSONSerialization.jsonObject(with: Data(json))) as? [String: Any] else {
      throw malformed("the header is not a JSON object")
    }
    return (entries, Int(length))
  }

  private static func tensors(
    _ data: Data, _ path: String
  ) throws -> (tensors: [StoredTensor], metadata: [String: String]) {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, "safetensors: " + message) }
    let (header, length) = try header(data, path)
    let body = data.dropFirst(8 + length)
    var found: [(name: String, type: String, shape: [Int], start: Int, end: Int)] = []
    for (name, entry) in header where name != "__metadata__" {
      guard let entry = entry as? [String: Any], let type = entry["dtype"] as? String,
        let shape = entry["shape"] as? [Int], let offsets = entry["data_offsets"] as? [Int], offsets.count == 2
      else { throw malformed("'\(name)' lacks a dtype, shape or data_offsets") }
      guard shape.count <= StridedPositions.largestRank else { throw malformed("'\(name)' has \(shape.count) axes") }
      guard let count = StridedPositions.count(shape), offsets[0] >= 0, offsets[0] <= offsets[1],
        offsets[1] <= body.count, count <= 8 * body.count,
        ElementType(rawValue: type).map({ offsets[1] - offsets[0] == count * $0.size }) ?? true
      else {
        throw malformed("'\(name)' of \(type) \(shape) does not fit its bytes \(offsets) of \(body.count)")
      }
      found.append((name, type, shape, offsets[0], offsets[1]))
    }
    // JSON objects have no order, so the order of writing is recovered from the offsets.
    found.sort { ($0.start, $0.end, $0.name) < ($1.start, $1.end, $1.name) }
    var end = 0
    for tensor in found {
      guard tensor.start == end else {
        throw malformed(
          "'\(tensor.name)' begins at byte \(tensor.start), where it should at \(end), the one before it ends")
      }
      end = tensor.end
    }
    guard end == body.count else { throw malformed("the tensors end at byte \(end) of \(body.count)") }
    let metadata = header["__metadata__"] as? [String: String] ?? [:]
    let tensors = found.map { tensor in
      let element = ElementType(rawValue: tensor.type)
      return StoredTensor(
        name: tensor.name, shape: tensor.shape, type: element?.name ?? tensor.type, isReadable: element != nil
      ) {
        guard let element else {
          throw malformed("'\(tensor.name)' has the dtype \(tensor.type), which is not read")
        }
        return element.tensor(
          data, at: 8 + length + tensor.start, shape: tensor.shape,
          positions: StridedPositions(contiguous: tensor.shape))
      }
    }
    return (tensors, metadata)
  }

  /// The tensors with float64 before float32, so that every tensor is aligned; otherwise in order.
  private static func ordered(_ tensors: NamedTensors) -> [(name: String, value: Tensor)] {
    tensors.entries.filter { $0.value.scalarType == .float64 }
      + tensors.entries.filter { $0.value.scalarType == .float32 }
  }

  /// The bytes before the elements: the header's length and the header, padded to a multiple of eight bytes.
  private static func head(_ tensors: NamedTensors, _ wanted: ElementType?) throws -> Data {
    var header: [String: Any] = [:]
    header["__metadata__"] = tensors.metadata.merging([Ownership.key: Ownership.name]) { $1 }
    var offset = 0
    for (name, value) in ordered(tensors) {
      let type = wanted ?? value.elementType
      let bytes = value.count * type.size
      header[name] =
        ["dtype": type.rawValue, "shape": value.shape, "data_offsets": [offset, offset + bytes]] as [String: Any]
      offset += bytes
    }
    var json = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys, .withoutEscapingSlashes])
    json.append(contentsOf: [UInt8](repeating: 0x20, count: (8 - json.count % 8) % 8))
    return withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) } + json
  }
}
