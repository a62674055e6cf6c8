import CZlib
import Foundation

extension Files {
  /// Reads a file, and decompresses it if it is in gzip format.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - largestRatio: the largest allowed ratio of decompressed size to file size. More is an error if it is also more
  ///     than 1 MiB: a small file can decompress to a thousand times its size and exhaust the memory.
  /// - Returns: the decompressed bytes, or the file's own bytes if it is not in gzip format.
  /// - Throws: a ``FileError`` if the file cannot be read or decompressed, or exceeds `largestRatio`.
  public static func readUnpacked(_ path: String, largestRatio: Int) throws -> Data {
    let packed = try OpenFile(reading: path)
    guard try packed.contents(atMost: 2) == Data([0x1f, 0x8b]) else { return try packed.contents() }
    let size = try packed.size
    let limit = max(1 << 20, size * largestRatio)
    let descriptor = try packed.duplicate()
    guard let file = gzdopen(descriptor, "rb") else {
      close(descriptor)
      throw FileError(.malformed, path, "cannot be opened as gzip")
    }
    defer { gzclose(file) }
    var (result, buffer) = (Data(), [UInt8](repeating: 0, count: 1 << 16))
    while true {
      let count = gzread(file, &buffer, UInt32(buffer.count))
      guard count >= 0 else { throw FileError(.malformed, path, "broken gzip: damaged or cut off") }
      if count == 0 { break }
      result.append(contentsOf: buffer.prefix(Int(count)))
      guard result.count <= limit else {
        throw FileError(.malformed, path, "\(size) bytes of gzip that unpack to more than \(limit)")
      }
    }
    // Where a file is truncated gzread reports its end as for a complete file; only gzerror shows the difference.
    var status = Int32(0)
    _ = gzerror(file, &status)
    guard status == Z_OK || status == Z_STREAM_END else { throw FileError(.malformed, path, "broken gzip: cut off") }
    return result
  }
}
