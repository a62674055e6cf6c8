import CZlib
import Foundation

extension Files {
  /// Writes a file beside its place and renames it into place, so that whoever looks sees the old one or the new one, whole.
  ///
  /// Only files that metasal wrote are replaced; see ``Ownership``. What is written is read again and compared, and is on the disk before it takes the old one's place, whose mode it keeps.
  /// Behind a symbolic link it is the file that is replaced.
  ///
  /// - Parameter body: appends the contents.
  /// - Throws: what `body` throws, or a ``FileError`` if the file cannot be written, or something other than a file is there;
  ///   the old one is then as it was.
  public static func write(to path: String, _ body: (FileOutput) throws -> Void) throws {
    try replace(path) { part in
      let output = FileOutput(part)
      try body(output)
      try output.verify()
    }
  }

  /// Writes `data` as ``write(to:_:)`` does.
  public static func write(_ data: Data, to path: String) throws { try write(to: path) { try $0.append(data) } }

  /// Does what ``write(to:_:)`` does but for the writing.
  ///
  /// - Parameter body: writes to the open file that it is given, or to its path, and sees that all of it is there.
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

/// Bytes, by their number and zlib's checksum.
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
  /// What was appended and is not written yet: many small pieces go together.
  private var pending: [UInt8] = []
  private static let piece = 1 << 20

  /// - Parameter start: bytes that the file has already.
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

  /// Writes what is not written yet.
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

  /// Bytes that the file should have.
  var size: Int { start + written.count }

  /// Reads again what was appended.
  ///
  /// - Throws: a ``FileError`` if it is not that.
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
      throw FileError(.unwritable, file.name, "what was written is not what can be read from it again")
    }
  }
}
