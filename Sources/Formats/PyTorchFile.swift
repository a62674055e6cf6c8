import CZip
import Foundation
import Tensors

/// PyTorch's `torch.save` files, in both formats: the zip archive of today and the older stream of pickles.
///
/// Reading one never executes anything; see ``Pickle``.
public enum PyTorchFile {
  /// The state dict in a file: the file's own dictionary, or the one it holds as `state_dict`, `model_state_dict` or `model`.
  /// Numbers and texts beside the tensors become metadata.
  public static func read(_ path: String) throws -> NamedTensors {
    let data = try Files.read(path)
    return try (data.starts(with: zipMagic) ? readZip(path) : readStream(data, path)).withPlainNames
  }

  static let zipMagic = Data([0x50, 0x4b, 0x03, 0x04])
  /// The pickled magic number 0x1950a86a20f9469cfc6c with which a stream begins.
  static let streamMagic = Data([
    0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
  ])

  // MARK: The older stream

  /// Magic number, protocol version, system information, the object, the storages' keys, and then each storage: its
  /// element count in eight bytes and its elements.
  private static func readStream(_ data: Data, _ path: String) throws -> NamedTensors {
    guard data.starts(with: streamMagic) else {
      throw FileError(.malformed, path, "not a PyTorch file: neither a zip archive nor a stream of pickles")
    }
    var position = streamMagic.count
    func load(_ entry: String) throws -> Pickled {
      try Pickle.load(data, at: &position, file: path, entry: entry)
    }
    guard try load("protocol version").value.int == 1001 else {
      throw FileError(.malformed, path, "an unknown version of PyTorch's stream format; 1001 is expected")
    }
    _ = try load("system information")
    let object = try load("object")
    let list = try load("storage keys")
    guard let keys = list.items(list.value) else {
      throw FileError(.malformed, path, "the storages' keys are not a list")
    }
    var storages: [String: (data: Data, start: Int, count: Int)] = [:]
    for key in keys {
      guard let key = key.string, let type = object.storages[key] else {
        throw FileError(.malformed, path, "a storage that no tensor uses")
      }
      guard data.count - position >= 8 else {
        throw FileError(.malformed, path, "storage \(key) is cut off at byte \(position)")
      }
      let count = data.withUnsafeBytes {
        UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: UInt64.self))
      }
      position += 8
      guard count <= UInt64((data.count - position) / type.size) else {
        throw FileError(
          .malformed, path, "storage \(key) announces \(count) elements at byte \(position) and is cut off")
      }
      storages[key] = (data, position, Int(count))
      position += Int(count) * type.size
    }
    return try tensors(object, path) { storages[$0] }
  }

  // MARK: The zip archive

  private static func readZip(_ path: String) throws -> NamedTensors {
    var status: Int32 = 0
    guard let archive = zip_open(path, Int32(ZIP_RDONLY), &status) else {
      throw FileError(.malformed, path, "a broken zip archive (libzip error \(status))")
    }
    defer { zip_discard(archive) }
    let fileSize = try Files.read(path).count
    // PyTorch stores entries as they are. Someone may have compressed them since, but none compresses well.
    var budget = fileSize * 4
    var names: [String] = []
    for index in 0..<max(0, zip_get_num_entries(archive, 0)) {
      if let name = zip_get_name(archive, UInt64(index), 0) { names.append(String(cString: name)) }
    }
    guard let main = names.first(where: { $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }) else {
      throw FileError(.malformed, path, "a zip archive without data.pkl, so none that PyTorch wrote")
    }
    let prefix = main.dropLast("data.pkl".count)

    func entry(_ name: String) throws -> Data {
      var statistics = zip_stat_t()
      guard zip_stat(archive, name, 0, &statistics) == 0 else {
        throw FileError(.malformed, path, "the archive has no entry '\(name)'")
      }
      guard let size = Int(exactly: statistics.size), size <= budget else {
        throw FileError(.malformed, path, "entry '\(name)' claims \(statistics.size) bytes in a file of \(fileSize)")
      }
      budget -= size
      guard let file = zip_fopen(archive, name, 0) else {
        throw FileError(.malformed, path, "entry '\(name)' cannot be opened")
      }
      defer { zip_fclose(file) }
      var bytes = [UInt8](repeating: 0, count: size)
      guard zip_fread(file, &bytes, UInt64(size)) == zip_int64_t(size) else {
        throw FileError(.malformed, path, "entry '\(name)' is cut off or damaged")
      }
      return Data(bytes)
    }

    if names.contains(prefix + "byteorder"),
      String(decoding: try entry(prefix + "byteorder"), as: UTF8.self) != "little"
    {
      throw FileError(.malformed, path, "big-endian tensors, where little-endian ones are expected")
    }
    var position = 0
    let object = try Pickle.load(try entry(main), at: &position, file: path, entry: main)
    var storages: [String: Data] = [:]
    return try tensors(object, path) { key in
      let data = try storages[key] ?? entry("\(prefix)data/\(key)")
      storages[key] = data
      return (data, 0, Int.max)
    }
  }

  // MARK: Values to tensors

  /// Storages may be shared, by tied weights for one. More views than this times a storage's elements are a trap.
  private static let largestSharing = 4

  private static func tensors(
    _ object: Pickled, _ path: String, _ storage: (String) throws -> (data: Data, start: Int, count: Int)?
  ) throws -> NamedTensors {
    let (found, metadata) = flattened(object)
    guard !found.isEmpty else {
      throw FileError(.malformed, path, "no tensors in a dictionary at the top, in state_dict or in model")
    }
    var result = NamedTensors(metadata: metadata)
    var known: [PickleTensor: Tensor] = [:]
    var taken: [String: Int] = [:]
    for (name, tensor) in found {
      if let same = known[tensor] {
        result[name] = same
        continue
      }
      func malformed(_ message: String) -> FileError { FileError(.malformed, path, "tensor '\(name)': \(message)") }
      guard let (data, start, limit) = try storage(tensor.storage) else {
        throw malformed("its storage '\(tensor.storage)' is not in the file")
      }
      let available = min(limit, (data.count - start) / tensor.type.size)
      let positions = StridedPositions(shape: tensor.shape, strides: tensor.strides)
      guard let end = positions.end, let count = StridedPositions.count(tensor.shape), tensor.offset >= 0,
        tensor.offset <= available, end <= available - tensor.offset
      else {
        throw malformed(
          "shape \(tensor.shape) with strides \(tensor.strides) at \(tensor.offset) leaves a storage of \(available)")
      }
      // A stride of 0 can make a huge tensor out of a few bytes; none that PyTorch trains looks so.
      guard count <= max(available, 1) else { throw malformed("\(count) elements out of a storage of \(available)") }
      taken[tensor.storage, default: 0] += count
      guard taken[tensor.storage, default: 0] <= largestSharing * max(available, 1) else {
        throw malformed("one of too many different views of the storage '\(tensor.storage)'")
      }
      let value = tensor.type.tensor(
        data, at: start + tensor.offset * tensor.type.size, shape: tensor.shape, positions: positions)
      (result[name], known[tensor]) = (value, value)
    }
    return result
  }

  /// The tensors of the state dict with their names, and what stands beside them at the top.
  private static func flattened(_ object: Pickled) -> (tensors: [(String, PickleTensor)], metadata: [String: String]) {
    func tensors(_ entries: [(key: PickleValue, value: PickleValue)]) -> [(String, PickleTensor)] {
      entries.compactMap { key, value in
        if let name = key.string, case .tensor(let tensor) = value { (name, tensor) } else { nil }
      }
    }
    guard let top = object.entries(object.value) else { return ([], [:]) }
    var metadata: [String: String] = [:]
    for (key, value) in top {
      guard let key = key.string else { continue }
      switch value {
      case .int(let value): metadata[key] = String(value)
      case .float(let value): metadata[key] = String(value)
      case .string(let value): metadata[key] = value
      case .bool(let value): metadata[key] = String(value)
      default: break
      }
    }
    for key in ["state_dict", "model_state_dict", "model"] {
      guard let nested = top.first(where: { $0.key.string == key }), let entries = object.entries(nested.value) else {
        continue
      }
      return (tensors(entries), metadata)
    }
    return (tensors(top), metadata)
  }
}
