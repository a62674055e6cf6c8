import CZlib
import Foundation

/// Which files metasal wrote. Each has a mark where its format has room for one, and no file without it is ever replaced or
/// removed: it is somebody's own.
public enum Ownership {
  /// Who wrote a file: under ``key`` in JSON, in the metadata of safetensors and PNG, and as an attribute in HDF5; in PyTorch's
  /// archives the folder of all entries, in ONNX the producer, in HTML the generator.
  public static let name = "metasal"
  /// What the mark is called where it needs a name.
  public static let key = "software"
  /// How tables in CSV begin, in which there is no room for a mark.
  public static let tableHead = "measure,method,layer,weights,"
  /// The beginning of an HTML page.
  public static let pageHead = "<!doctype html>\n<html lang=en>\n<head>\n<meta name=generator content=\(name)>\n"

  /// The attribute's bytes, which HDF5 has near the file's beginning unless there are many: its name; its type, a text of eight bytes;
  /// no axes; its value. Reading it with the library takes a process, which the system may refuse.
  private static let attribute =
    Data("\(key)\0".utf8) + [0x13, 0x10, 0, 0, UInt8(name.utf8.count + 1), 0, 0, 0] + [2, 0, 0, 0] + Data("\(name)\0".utf8)

  private static let comment = "# Written by \(name), which replaces it unless somebody has changed it: "

  /// A text with a comment in front that says who wrote it, and holds its checksum: a changed one is its reader's own.
  public static func marked(_ text: String) -> String { comment + checksum(Data(text.utf8)) + "\n" + text }

  /// Whether metasal wrote the file, or there is nothing in it that could be lost.
  public static func isOwn(_ path: String) -> Bool {
    // Opening what is no file may block.
    guard let identity = FileIdentity(path), identity.isFile else { return false }
    if identity.size == 0 { return true }
    guard let handle = FileHandle(forReadingAtPath: path) else { return false }
    defer { try? handle.close() }
    guard let head = try? handle.read(upToCount: 1 << 16) else { return false }
    func all() -> Data { head + ((try? handle.readToEnd()) ?? Data()) }
    if head.starts(with: PictureMark.signature) { return head.dropFirst(PictureMark.offset).starts(with: PictureMark.chunk) }
    if head.starts(with: WeightFile.hdf5Magic) {
      return head.range(of: attribute) != nil || (try? HDF5Reader(path).attributes())?[key] == name
    }
    if head.starts(with: PyTorchFile.zipMagic) { return head.dropFirst(30).starts(with: Data("\(name)/".utf8)) }
    if head.starts(with: Data("{".utf8)) { return isMarked(json: all()) }
    if head.dropFirst(8).starts(with: Data("{".utf8)) { return Safetensors.metadata(all())[key] == name }
    if head.starts(with: Data(comment.utf8)) {
      let parts = all().split(separator: 0x0a, maxSplits: 1, omittingEmptySubsequences: false)
      return parts.count == 2 && parts[0] == Data((comment + checksum(parts[1])).utf8)
    }
    return [Data(tableHead.utf8), Data(pageHead.utf8), ONNXModel.head].contains { head.starts(with: $0) }
  }

  /// Of an object, or of the first line's where each line is one.
  private static func isMarked(json data: Data) -> Bool {
    let line = data.prefix { $0 != 0x0a }
    let object = (try? JSONSerialization.jsonObject(with: line)) ?? (try? JSONSerialization.jsonObject(with: data))
    return (object as? [String: Any])?[key] as? String == name
  }

  private static func checksum(_ data: Data) -> String {
    let sum = data.withUnsafeBytes { crc32(0, $0.bindMemory(to: UInt8.self).baseAddress, UInt32($0.count)) }
    return String(format: "%08x", UInt32(truncatingIfNeeded: sum))
  }

  /// - Parameter inputs: files that are read to write this one.
  /// - Throws: a ``FileError`` if a file at that path would be lost: one of the inputs, or one that metasal did not write.
  public static func requireReplaceable(_ path: String, inputs: Set<FileIdentity> = []) throws(FileError) {
    guard let identity = FileIdentity(path) else { return }
    guard !inputs.contains(identity) else {
      throw FileError(.unwritable, path, "is read by this command, so it is not written to; name another file")
    }
    guard isOwn(path) else {
      throw FileError(
        .unwritable, path, "\(name) did not write what is there, and does not replace it; move it, or name another file")
    }
  }

  /// The same of all that a command writes, asked before it begins; none may be written twice.
  public static func requireReplaceable(_ outputs: [String], inputs: [String]) throws(FileError) {
    let read = Set<FileIdentity>(paths: inputs)
    var places = Set<String>()
    for path in outputs {
      try requireReplaceable(path, inputs: read)
      let place = Files.place(of: try OutputPlace(path).path)
      guard places.insert(place).inserted else {
        throw FileError(.unwritable, path, "would be written twice; name two files")
      }
    }
  }

  /// Removes a file, if there is one.
  ///
  /// - Throws: a ``FileError`` if metasal did not write it, or it cannot be removed.
  public static func remove(_ path: String) throws(FileError) {
    guard FileIdentity(path) != nil else { return }
    try requireReplaceable(path)
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFLNK else {
      throw FileError(.unwritable, path, "a symbolic link, which \(name) did not make and does not remove")
    }
    guard unlink(path) == 0 else {
      throw FileError(.unwritable, path, "cannot be removed: \(String(cString: strerror(errno)))")
    }
  }
}

/// A file, whatever the paths are that lead to it.
public struct FileIdentity: Hashable, Sendable {
  private let device, number: UInt64
  let isFile: Bool
  let size: Int

  /// Nil if there is nothing at the path.
  public init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  /// Of a file that is open.
  public init?(descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    self.init(status)
  }

  private init(_ status: stat) {
    (device, number, size) = (UInt64(status.st_dev), UInt64(status.st_ino), Int(status.st_size))
    isFile = status.st_mode & S_IFMT == S_IFREG
  }

  public static func == (a: FileIdentity, b: FileIdentity) -> Bool { a.device == b.device && a.number == b.number }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(device)
    hasher.combine(number)
  }
}

extension Set<FileIdentity> {
  /// The files at these paths, as far as there are any; of one that names an entry of a weight file, that file.
  public init(paths: some Sequence<String>) { self.init(paths.compactMap { FileIdentity(WeightFile.file(of: $0)) }) }
}

/// The mark of a PNG: a chunk with a text, right behind the header.
enum PictureMark {
  static let signature = Data([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  /// Where the header ends.
  static let offset = 33
  static let chunk: Data = {
    let text = Data("tEXtSoftware\0\(Ownership.name)".utf8)
    let sum = text.withUnsafeBytes { crc32(0, $0.bindMemory(to: UInt8.self).baseAddress, UInt32($0.count)) }
    func bytes(_ value: UInt32) -> Data { withUnsafeBytes(of: value.bigEndian) { Data($0) } }
    return bytes(UInt32(text.count - 4)) + text + bytes(UInt32(truncatingIfNeeded: sum))
  }()
}
