import CZlib
import Foundation

extension Files {
  /// A file's bytes, unpacked if it is in gzip's format.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - largestRatio: more than so many bytes for each in the file, and more than a mebibyte, are an error: a small file can
  ///     unpack to a thousand times its size.
  /// - Returns: the bytes, as they are if the file is not packed.
  /// - Throws: a ``FileError`` if the file cannot be read or unpacked, or unpacks to too much.
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
    // At a file that ends too early gzread stops as at any other; only the last error tells.
    var status = Int32(0)
    _ = gzerror(file, &status)
    guard status == Z_OK || status == Z_STREAM_END else { throw FileError(.malformed, path, "broken gzip: cut off") }
    return result
  }
}
