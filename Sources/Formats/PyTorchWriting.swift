import CZip
import Foundation
import Tensors

extension PyTorchFile {
  /// Writes a state dict in the zip format of `torch.save`, for `torch.load(path, weights_only=True)`; see
  /// `Files.replace`. All numbers are stored in `precision`, or in each tensor's own precision if it is nil.
  public static func write(_ tensors: NamedTensors, as precision: StoredPrecision? = nil, to path: String) throws {
    func unwritable(_ what: String) -> FileError { FileError(.unwritable, path, "\(what) cannot be written") }
    // The archive is built in memory, where writing cannot fail halfway.
    var status = zip_error_t()
    guard let made = zip_source_buffer_create(nil, 0, 0, &status) else { throw unwritable("the archive") }
    defer { zip_source_free(made) }
    guard let archive = zip_open_from_source(made, Int32(ZIP_TRUNCATE), &status) else {
      throw unwritable("the archive")
    }
    zip_source_keep(made)  // keeps the bytes after the archive is closed
    var isClosed = false
    defer { if !isClosed { zip_discard(archive) } }
    func add(_ name: String, _ data: Data) throws {
      // libzip writes the archive, and frees these bytes, when it is closed.
      guard let bytes = malloc(max(1, data.count)) else { throw unwritable(name) }
      data.copyBytes(to: bytes.assumingMemoryBound(to: UInt8.self), count: data.count)
      guard let source = zip_source_buffer(archive, bytes, UInt64(data.count), 1) else {
        free(bytes)
        throw unwritable(name)
      }
      let index = zip_file_add(archive, "\(Ownership.name)/" + name, source, UInt32(ZIP_FL_ENC_UTF_8))
      guard index >= 0 else {
        zip_source_free(source)
        throw unwritable(name)
      }
      // The modification time is fixed at 1980, the earliest that zip can store, so that the bytes depend on the
      // contents alone.
      guard zip_set_file_compression(archive, UInt64(index), ZIP_CM_STORE, 0) == 0,
        zip_file_set_mtime(archive, UInt64(index), 315_532_800, 0) == 0
      else { throw unwritable(name) }
    }
    let entries = tensors.entries.map { ($0.name, $0.value, precision?.element ?? $0.value.elementType) }
    try add("data.pkl", PickleWriter.stateDictionary(entries.map { ($0.0, $0.1.shape, $0.2) }))
    try add("byteorder", Data("little".utf8))
    for (key, entry) in entries.enumerated() { try add("data/\(key)", entry.2.data(entry.1)) }
    try add("version", Data("3\n".utf8))
    guard zip_close(archive) == 0 else { throw unwritable("the archive") }
    isClosed = true

    guard zip_source_open(made) == 0 else { throw unwritable("the archive") }
    defer { zip_source_close(made) }
    try Files.write(to: path) { file in
      var piece = [UInt8](repeating: 0, count: 1 << 20)
      while true {
        let count = zip_source_read(made, &piece, UInt64(piece.count))
        guard count >= 0 else { throw unwritable("the archive") }
        if count == 0 { break }
        try piece.withUnsafeBytes { try file.append(UnsafeRawBufferPointer(rebasing: $0.prefix(Int(count)))) }
      }
    }
  }
}

/// The pickle of a state dict, in protocol 2 (docs.python.org/3/library/pickletools).
private struct PickleWriter {
  private var data = Data([0x80, 2])

  /// The pickled state dict. Each tensor has its own storage, whose key is its index.
  static func stateDictionary(_ tensors: [(name: String, shape: [Int], type: ElementType)]) -> Data {
    var writer = PickleWriter()
    writer.emptyDictionary()
    writer.code("(")
    for (key, tensor) in tensors.enumerated() {
      writer.text(tensor.name)
      writer.global("torch._utils", "_rebuild_tensor_v2")
      writer.code("((")
      writer.text("storage")
      writer.global("torch", storageClass(tensor.type))
      writer.text(String(key))
      writer.text("cpu")
      writer.integer(tensor.shape.reduce(1, *))
      writer.code("tQ")
      writer.integer(0)
      writer.tuple(tensor.shape)
      writer.tuple(StridedPositions(contiguous: tensor.shape).strides)
      writer.data.append(0x89)  // False: requires_grad
      writer.emptyDictionary()
      writer.code("tR")
    }
    writer.code("u.")
    return writer.data
  }

  private static func storageClass(_ type: ElementType) -> String {
    switch type {
    case .float64: "DoubleStorage"
    case .float16: "HalfStorage"
    case .bfloat16: "BFloat16Storage"
    default: "FloatStorage"
    }
  }

  private mutating func code(_ letters: String) { data.append(contentsOf: letters.utf8) }

  private mutating func global(_ module: String, _ name: String) { code("c\(module)\n\(name)\n") }

  private mutating func emptyDictionary() {
    global("collections", "OrderedDict")
    code(")R")
  }

  private mutating func text(_ text: String) {
    code("X")
    withUnsafeBytes(of: UInt32(text.utf8.count).littleEndian) { data.append(contentsOf: $0) }
    code(text)
  }

  private mutating func integer(_ value: Int) {
    if let small = Int32(exactly: value) {
      code("J")
      withUnsafeBytes(of: small.littleEndian) { data.append(contentsOf: $0) }
    } else {
      data.append(contentsOf: [0x8a, 8])
      withUnsafeBytes(of: Int64(value).littleEndian) { data.append(contentsOf: $0) }
    }
  }

  private mutating func tuple(_ values: [Int]) {
    code("(")
    for value in values { integer(value) }
    code("t")
  }
}
