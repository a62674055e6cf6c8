import CZlib
import Foundation

/// Recognizes the files that metasal wrote, and refuses to replace or remove any other. metasal puts a mark into each
/// file that it writes, where the format has room for one; a file without the mark belongs to the user.
public enum Ownership {
  /// The value of the mark. It is stored under ``key`` in JSON, in the metadata of safetensors and PNG, and as an
  /// attribute in HDF5; in event files it is the writer; in PyTorch's zip archives it is the folder of all entries, in ONNX the producer, in HTML the
  /// generator.
  public static let name = "metasal"
  /// The key of the mark in formats with keyed metadata.
  public static let key = "software"
  /// The first columns of metasal's CSV tables, by which they are recognized, since CSV has no room for a mark: of an
  /// evaluation, and of the evaluations and the steps of a run.
  public static let tableHead = "measure,method,layer,weights,"
  public static let evaluationsHead = "step," + tableHead
  public static let stepsHead = "step,loss,gradient_norm,rate"
  /// The first lines of metasal's HTML pages, which contain the mark.
  public static let pageHead = "<!doctype html>\n<html lang=en>\n<head>\n<meta name=generator content=\(name)>\n"
  /// The first line of the logs of programs that metasal starts.
  public static let logHead = "# What \(name) and the programs it started said\n"
  /// The first line of metasal's SVG files, and the beginning of the second.
  public static let drawingHead = "<!-- \(name) -->\n<svg "

  /// The bytes of the mark's attribute in an HDF5 file: its name; its type, a text of eight bytes; no axes; its value.
  /// They are near the beginning of the file unless there are many attributes. Searching for them avoids the child
  /// process that the library needs, which the system may refuse.
  private static let attribute =
    Data("\(key)\0".utf8) + [0x13, 0x10, 0, 0, UInt8(name.utf8.count + 1), 0, 0, 0] + [2, 0, 0, 0]
    + Data("\(name)\0".utf8)

  private static let comment = "# Written by \(name), which replaces it unless somebody has changed it: "

  /// The text with a first line that is a comment with the mark and the text's checksum. A file whose text was edited
  /// since fails the checksum, and counts as the user's own.
  public static func marked(_ text: String) -> String { comment + checksum(Data(text.utf8)) + "\n" + text }

  /// Whether the file may be replaced: metasal wrote it, or it is empty.
  public static func isOwn(_ path: String) -> Bool {
    // Opening something other than a regular file, such as a FIFO, may block.
    guard let identity = FileIdentity(path), identity.isFile else { return false }
    if identity.size == 0 { return true }
    guard let handle = FileHandle(forReadingAtPath: path) else { return false }
    defer { try? handle.close() }
    guard let head = try? handle.read(upToCount: 1 << 16) else { return false }
    func all() -> Data { head + ((try? handle.readToEnd()) ?? Data()) }
    if head.starts(with: PNGMark.signature) {
      return head.dropFirst(PNGMark.offset).starts(with: PNGMark.chunk)
    }
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
    let heads =
      [tableHead, evaluationsHead, stepsHead, pageHead, logHead, drawingHead].map { Data($0.utf8) } + [ONNXModel.head]
    return heads.contains { head.starts(with: $0) } || EventRecords.areOwn(head)
  }

  /// Whether a JSON object has the mark or, in a JSON Lines file, the object in the first line.
  private static func isMarked(json data: Data) -> Bool {
    let line = data.prefix { $0 != 0x0a }
    let object = (try? JSONSerialization.jsonObject(with: line)) ?? (try? JSONSerialization.jsonObject(with: data))
    return (object as? [String: Any])?[key] as? String == name
  }

  private static func checksum(_ data: Data) -> String {
    let sum = data.withUnsafeBytes { crc32(0, $0.bindMemory(to: UInt8.self).baseAddress, UInt32($0.count)) }
    return String(format: "%08x", UInt32(truncatingIfNeeded: sum))
  }

  /// Throws if writing to this path would destroy a file that must be kept.
  ///
  /// - Parameters:
  ///   - path: the file to be written.
  ///   - inputs: the files that the command reads.
  /// - Throws: a ``FileError`` if the file at this path is one of the inputs, or metasal did not write it.
  public static func requireReplaceable(_ path: String, inputs: Set<FileIdentity> = []) throws(FileError) {
    guard let identity = FileIdentity(path) else { return }
    guard !inputs.contains(identity) else {
      throw FileError(.unwritable, path, "is read by this command, so it is not written to; name another file")
    }
    guard isOwn(path) else {
      throw FileError(
        .unwritable, path, "\(name) did not write what is there, and does not replace it; move it, or name another file"
      )
    }
  }

  /// Checks all outputs of a command before it starts work: throws if writing them would destroy a file that must be
  /// kept, or if two of them are the same file.
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

  /// Removes a file, if it exists.
  ///
  /// - Throws: a ``FileError`` if metasal did not write the file, or it cannot be removed.
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

/// The identity of a file (device and inode), which is the same for all paths that lead to it.
public struct FileIdentity: Hashable, Sendable {
  private let device, number: UInt64
  let isFile: Bool
  let size: Int

  /// The identity of the file at a path; nil if nothing exists there.
  public init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  /// The identity of an open file; nil if the system cannot tell.
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
  /// The identities of those files that exist. A path may also name an entry of a weight file (`file.pth::entry`),
  /// which means that file.
  public init(paths: some Sequence<String>) { self.init(paths.compactMap { FileIdentity(WeightFile.file(of: $0)) }) }
}

/// The mark in a PNG: a text chunk right after the header.
enum PNGMark {
  static let signature = Data([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  /// The byte offset at which the header ends.
  static let offset = 33
  static let chunk: Data = {
    let text = Data("tEXtSoftware\0\(Ownership.name)".utf8)
    let sum = text.withUnsafeBytes { crc32(0, $0.bindMemory(to: UInt8.self).baseAddress, UInt32($0.count)) }
    func bytes(_ value: UInt32) -> Data { withUnsafeBytes(of: value.bigEndian) { Data($0) } }
    return bytes(UInt32(text.count - 4)) + text + bytes(UInt32(truncatingIfNeeded: sum))
  }()
}
