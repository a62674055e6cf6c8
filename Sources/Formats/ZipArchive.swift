import CZip
import Foundation

/// A zip archive that is open for reading.
final class ZipArchive {
  private let archive: OpaquePointer
  private let path: String
  private let fileSize: Int
  /// The number of bytes that may still be read from entries. PyTorch stores entries uncompressed; if another program
  /// compressed them since, weights still do not compress well.
  private var budget: Int
  /// The names of the entries in order.
  let names: [String]

  /// Opens the archive in an open file.
  ///
  /// - Throws: a ``FileError`` if the archive is broken.
  init(_ file: OpenFile) throws {
    (path, fileSize) = (file.path, try file.size)
    budget = 4 * fileSize
    let descriptor = try file.duplicate()
    var status: Int32 = 0
    guard let archive = zip_fdopen(descriptor, 0, &status) else {
      close(descriptor)
      throw FileError(.malformed, path, "a broken zip archive (libzip error \(status))")
    }
    self.archive = archive
    names = (0..<max(0, zip_get_num_entries(archive, 0))).compactMap { index in
      zip_get_name(archive, UInt64(index), 0).map { String(cString: $0) }
    }
  }

  deinit { zip_discard(archive) }

  /// Reads the bytes of an entry.
  ///
  /// - Throws: a ``FileError`` if there is no entry with this name, or its checksum does not match.
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
}
