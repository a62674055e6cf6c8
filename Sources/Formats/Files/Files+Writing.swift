import CZlib
import Foundation

extension Files {
  /// Writes a file atomically: it is written under a temporary name in the same folder and then renamed, so that other
  /// programs see either the old file or the complete new one.
  ///
  /// Only files that metasal wrote are replaced; see ``Ownership``. Before the new file replaces the old one, whose
  /// mode it keeps, it is read back and compared, and synced to the disk. If the path is a symbolic link, its target is
  /// replaced.
  ///
  /// - Parameters:
  ///   - path: the file to be written.
  ///   - body: appends the contents.
  /// - Throws: what `body` throws, or a ``FileError`` if the file cannot be written, or something other than a regular
  ///   file is at the path. The old file is then unchanged.
  public static func write(to path: String, _ body: (FileOutput) throws -> Void) throws {
    try replace(path) { part in
      let output = FileOutput(part)
      try body(output)
      try output.verify()
    }
  }

  /// Writes bytes to a file as ``write(to:_:)`` does.
  public static func write(_ data: Data, to path: String) throws { try write(to: path) { try $0.append(data) } }

  /// Replaces a file as ``write(to:_:)`` does, except that `body` writes and checks the contents. `body` gets the open
  /// temporary file, and writes to it or to its path.
  static func replace(_ path: String, _ body: (_ part: OpenFile) throws -> Void) throws {
    let place = try OutputPlace(path)
    try Ownership.requireReplaceable(path)
    PartFiles.sweep(place.folder)
    let part = try OpenFile(making: PartFiles.path(for: place), named: path, like: place.former)
    do {
      try body(part)
      try part.sync()
      try part.close()
      guard rename(part.path, place.path) == 0 else {
        throw FileError(.unwritable, path, "cannot be put in place: \(OpenFile.reason(errno))")
      }
    } catch {
      unlink(part.path)
      throw error
    }
    try OpenFile.syncFolder(place.folder, for: path)
  }
}

/// The number of bytes in a sequence and their CRC-32, for comparing what was written with what is read back.
struct Checksum: Equatable {
  private(set) var count = 0
  private var value = UInt(0)

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    count += bytes.count
    value = crc32_z(value, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
  }
}

/// A file that is being written; see ``Files/write(to:_:)``.
public final class FileOutput {
  private let file: OpenFile
  private let start: Int
  private var written = Checksum()
  /// The bytes that were appended and not written yet: many small pieces are written together.
  private var pending: [UInt8] = []
  private static let piece = 1 << 20

  /// An output that appends to an open file of `start` bytes.
  init(_ file: OpenFile, after start: Int = 0) { (self.file, self.start) = (file, start) }

  /// Appends bytes.
  public func append(_ data: Data) throws(FileError) {
    let result = data.withUnsafeBytes { bytes in Result { () throws(FileError) in try append(bytes) } }
    try result.get()
  }

  /// Appends bytes.
  public func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    if bytes.count < Self.piece {
      pending += bytes
      if pending.count >= Self.piece { try flush() }
    } else {
      try flush()
      try write(bytes)
    }
  }

  /// Writes the pending bytes.
  func flush() throws(FileError) {
    let result = pending.withUnsafeBytes { bytes in Result { () throws(FileError) in try write(bytes) } }
    pending.removeAll(keepingCapacity: true)
    try result.get()
  }

  private func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    guard !bytes.isEmpty else { return }
    try file.write(bytes)
    written.add(bytes)
  }

  /// The expected size of the file in bytes.
  var size: Int { start + written.count }

  /// Reads back everything that was appended, and compares checksums.
  ///
  /// - Throws: a ``FileError`` if the bytes in the file differ from those that were written.
  func verify() throws(FileError) {
    try flush()
    var found = Checksum()
    let room = 1 << 20
    guard let memory = malloc(room) else {
      throw FileError(.unwritable, file.name, "there is no memory to read again what was written")
    }
    defer { free(memory) }
    let buffer = UnsafeMutableRawBufferPointer(start: memory, count: room)
    while found.count < written.count {
      let before = found.count
      try file.read(from: start + before, into: buffer) { found.add($0) }
      if found.count == before { break }
    }
    guard found == written, try file.size == size else {
      throw FileError(.interrupted, file.name, "what was written is not what can be read from it again")
    }
  }
}
