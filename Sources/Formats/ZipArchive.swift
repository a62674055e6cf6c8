import CZip
import Foundation

/// A zip archive, open for reading.
final class ZipArchive {
  private let archive: OpaquePointer
  private let path: String
  private let fileSize: Int
  /// PyTorch stores entries as they are. Someone may have compressed them since, but none compresses well.
  private var budget: Int
  /// The names of its entries, in order.
  let names: [String]

  /// - Throws: a ``FileError`` if it is broken.
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

  /// An entry's bytes.
  ///
  /// - Throws: a ``FileError`` if there is none of that name, or it is damaged; it has a checksum.
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
