import CZip
import Foundation
import Tensors

/// Reading of PyTorch's `torch.save` files in both formats: the zip archive and the older stream of pickles.
///
/// Reading a file never executes any of its code; see `Pickle`.
public enum PyTorchFile {
  /// Reads a file with the weights of one network; see ``StoredWeights/onlyDictionary()``.
  public static func read(_ path: String) throws -> NamedTensors { try open(path).onlyDictionary() }

  /// Opens a file and lists all tensors in its dictionaries and in modules that were saved whole. Numbers and texts in
  /// the outermost dictionary become metadata.
  static func open(_ path: String) throws -> StoredWeights {
    let file = try OpenFile(reading: path)
    return try file.contents(atMost: zipMagic.count) == zipMagic ? openZip(file) : openStream(file.contents(), path)
  }

  static let zipMagic = Data([0x50, 0x4b, 0x03, 0x04])

  /// The pickled number 0x1950a86a20f9469cfc6c with which a stream begins, after the opcodes for protocol and frame.
  private static let streamMagic = Data([0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e])
  private static let oldestStreamMagic = Data("L119547037146038801333356L\n.".utf8)

  /// The byte offset of the second pickle in a stream; nil if the data is not a stream.
  static func startOfStream(_ data: Data) -> Int? {
    let head = data.prefix(64)
    if head.starts(with: oldestStreamMagic) { return oldestStreamMagic.count }
    guard head.first == 0x80, let magic = head.range(of: streamMagic),
      [2, 11].contains(magic.lowerBound - head.startIndex)
    else { return nil }
    return magic.upperBound - head.startIndex
  }

  // MARK: The older stream

  /// Reads a stream: magic number, protocol version, system information, the object, the list of storage keys, and then
  /// each storage as an element count of eight bytes and its elements.
  private static func openStream(_ data: Data, _ path: String) throws -> StoredWeights {
    guard var position = startOfStream(data) else {
      throw FileError(.malformed, path, "not a PyTorch file: neither a zip archive nor a stream of pickles")
    }
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
    var storages: [String: Data] = [:]
    for key in keys {
      guard let key = key.string, let storage = object.storages[key] else {
        throw FileError(.malformed, path, "a storage that no tensor uses")
      }
      guard let size = storage.elementSize else {
        throw FileError(.malformed, path, "storage \(key) is a \(storage.type), whose elements are of unknown size")
      }
      guard data.count - position >= 8 else {
        throw FileError(.malformed, path, "storage \(key) is cut off at byte \(position)")
      }
      let count = data.withUnsafeBytes {
        UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: UInt64.self))
      }
      position += 8
      guard count <= UInt64((data.count - position) / size) else {
        throw FileError(
          .malformed, path, "storage \(key) announces \(count) elements at byte \(position) and is cut off")
      }
      storages[key] = data.dropFirst(position).prefix(Int(count) * size)
      position += Int(count) * size
    }
    return try weights(object, path) { storages[$0] }
  }

  // MARK: The zip archive

  private static func openZip(_ file: OpenFile) throws -> StoredWeights {
    let (archive, path) = (try ZipArchive(file), file.path)
    guard let main = archive.names.first(where: { $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }) else {
      throw FileError(.malformed, path, "a zip archive without data.pkl, so none that PyTorch wrote")
    }
    let prefix = main.dropLast("data.pkl".count)
    if archive.names.contains(prefix + "byteorder"),
      String(decoding: try archive.entry(prefix + "byteorder"), as: UTF8.self) != "little"
    {
      throw FileError(.malformed, path, "big-endian tensors, where little-endian ones are expected")
    }
    var position = 0
    let object = try Pickle.load(try archive.entry(main), at: &position, file: path, entry: main)
    return try weights(object, path) { try archive.entry("\(prefix)data/\($0)") }
  }

  /// The tensors of a pickle, whose elements are read from `storage`.
  private static func weights(
    _ object: Pickled, _ path: String, _ storage: @escaping (String) throws -> Data?
  ) throws -> StoredWeights {
    let found = try PickledWeights(object, file: path)
    let elements = PickledElements(path, object, storage)
    let tensors = found.tensors.map { place, name, content in
      let full = place.isEmpty ? name : place + "." + name
      let (shape, type, isReadable) = elements.description(of: content)
      return StoredTensor(place: place, name: name, shape: shape, type: type, isReadable: isReadable) {
        try elements.tensor(content, named: full)
      }
    }
    return try StoredWeights(path, tensors, metadata: found.metadata, placeholders: found.placeholders)
  }
}

/// Reads the tensors that a pickle describes, each only once.
private final class PickledElements {
  /// Tensors may share a storage, for example tied weights. Views with more elements in total than this factor times
  /// the storage's size are refused as an attack on memory.
  private static let largestSharing = 4
  /// The largest total number of elements that strides of 0 may produce: buffers that were expanded before they were
  /// saved are small.
  private static let mostExpanded = 1 << 20

  private let path: String
  private let pickled: Pickled
  private let storage: (String) throws -> Data?
  private var storages: [String: Data] = [:]
  private var views: [PickleTensor: Tensor] = [:]
  private var arrays: [Int: Tensor] = [:]
  private var taken: [String: Int] = [:]
  private var expanded = 0

  init(_ path: String, _ pickled: Pickled, _ storage: @escaping (String) throws -> Data?) {
    (self.path, self.pickled, self.storage) = (path, pickled, storage)
  }

  func description(of content: PickledWeights.Content) -> (shape: [Int]?, type: String, isReadable: Bool) {
    switch content {
    case .view(let tensor):
      return (tensor.shape, tensor.element?.name ?? tensor.type, tensor.element != nil && !tensor.isAltered)
    case .object(let index):
      let object = pickled.objects[index]
      guard let array = PickledArray(object, pickled) else { return (nil, object.type, false) }
      return (array.shape, array.element?.name ?? array.type, array.element != nil)
    }
  }

  func tensor(_ content: PickledWeights.Content, named name: String) throws -> Tensor {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, "tensor '\(name)': \(message)") }
    switch content {
    case .view(let view):
      if let known = views[view] { return known }
      let value = try tensor(view, malformed)
      views[view] = value
      return value
    case .object(let index):
      if let known = arrays[index] { return known }
      let object = pickled.objects[index]
      guard PickledArray.isOne(object.type) else { throw malformed("made by \(object.type), which is not read") }
      guard let array = PickledArray(object, pickled), let value = array.tensor else {
        throw malformed("an array that is not read: of \(PickledArray(object, pickled)?.type ?? "an unknown type")")
      }
      arrays[index] = value
      return value
    }
  }

  private func tensor(_ tensor: PickleTensor, _ malformed: (String) -> FileError) throws -> Tensor {
    guard let element = tensor.element else { throw malformed("elements of \(tensor.type), which are not read") }
    guard !tensor.isAltered else {
      throw malformed("elements that stand for their negatives or conjugates, which are not read")
    }
    guard let data = try storages[tensor.storage] ?? storage(tensor.storage) else {
      throw malformed("its storage '\(tensor.storage)' is not in the file")
    }
    storages[tensor.storage] = data
    let available = data.count / element.size
    let positions = StridedPositions(shape: tensor.shape, strides: tensor.strides)
    guard let end = positions.end, let count = StridedPositions.count(tensor.shape), tensor.offset >= 0,
      tensor.offset <= available, end <= available - tensor.offset
    else {
      throw malformed(
        "shape \(tensor.shape) with strides \(tensor.strides) at \(tensor.offset) leaves a storage of \(available)")
    }
    // A stride of 0 can make a huge tensor from a few bytes.
    if count > max(available, 1) {
      guard count <= Self.mostExpanded - expanded else {
        throw malformed("\(count) elements out of a storage of \(available)")
      }
      expanded += count
    }
    taken[tensor.storage, default: 0] += min(count, available)
    guard taken[tensor.storage, default: 0] <= Self.largestSharing * max(available, 1) else {
      throw malformed("one of too many different views of the storage '\(tensor.storage)'")
    }
    return element.tensor(data, at: tensor.offset * element.size, shape: tensor.shape, positions: positions)
  }
}
