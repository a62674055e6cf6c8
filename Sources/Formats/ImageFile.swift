import CJPEG
import CPNG
import Foundation
import Tensors

/// A decoded PNG or JPEG file; the format is detected from the content. A file counts as broken if Pillow rejects it,
/// so that a data set has the same images here as in PyTorch.
public struct ImageFile: Sendable {
  /// The decoded image, rotated upright according to its Exif orientation. Gray images are converted to RGB, and an
  /// alpha channel is dropped.
  public let image: RGBImage
  /// The Exif orientation of the file's stored pixels.
  public let orientation: Orientation
  /// The decoder's warning that pixels in the middle of the file are damaged; nil if there is none. The JPEG decoder
  /// fills such pixels with gray, and Pillow accepts them silently.
  public let damage: String?

  /// The largest number of pixels that is accepted, whatever the header claims.
  private static let pixelLimit = 1 << 28

  /// Reads and decodes an image file.
  ///
  /// - Throws: a ``FileError`` if the file is missing, neither PNG nor JPEG, broken or truncated.
  public init(_ path: String) throws {
    let data = try Files.read(path)
    if data.starts(with: [0x89, 0x50, 0x4e, 0x47]) {
      orientation = Orientation(png: data)
      (image, damage) = (orientation.applied(to: try Self.png(data, path)), nil)
    } else if data.starts(with: [0xff, 0xd8]) {
      let (stored, damage) = try Self.jpeg(data, path)
      orientation = Orientation(jpeg: data)
      (image, self.damage) = (orientation.applied(to: stored), damage)
    } else {
      throw FileError(.malformed, path, "neither a PNG nor a JPEG image")
    }
  }

  /// Throws if the available memory cannot hold an image of this size. Only large images are checked because the query
  /// takes time.
  private static func requireMemory(_ width: Int, _ height: Int, channels: Int, _ path: String) throws {
    let bytes = width * height * channels
    guard bytes > 1 << 26, let available = Memory.available, bytes > available else { return }
    throw FileError(
      .malformed, path,
      "\(width)×\(height) pixels take \(Memory.words(Double(bytes))) of memory, where \(Memory.words(Double(available))) are available"
    )
  }

  private static func text<Bytes>(_ bytes: Bytes) -> String {
    withUnsafeBytes(of: bytes) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  private static func png(_ data: Data, _ path: String) throws -> RGBImage {
    // Chunks after the pixels (IDAT) do not matter, and the pixels have a checksum of their own in the zlib stream.
    if let chunk = PNGChunks(data).prefix(while: { $0.name != "IDAT" }).first(where: { !$0.isSound }) {
      throw FileError(.malformed, path, "broken PNG: the checksum of \(chunk.name) is wrong")
    }
    return try data.withUnsafeBytes { bytes in
      guard let reader = metasal_png_open(bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count) else {
        throw FileError(.malformed, path, "the PNG decoder cannot be set up")
      }
      defer { metasal_png_close(reader) }
      func malformed() -> FileError { FileError(.malformed, path, "broken PNG: \(text(reader.pointee.message))") }
      var size = (width: UInt32(0), height: UInt32(0))
      guard metasal_png_begin(reader, &size.width, &size.height) != 0 else { throw malformed() }
      let (width, height) = (Int(size.width), Int(size.height))
      // Deflate compresses by a factor of about 1000 at most, so a small file cannot contain the pixels that a large
      // header claims.
      guard width > 0, height > 0, width * height <= min(pixelLimit, bytes.count * 8400) else {
        throw FileError(.malformed, path, "a PNG of \(bytes.count) bytes that claims \(width)×\(height) pixels")
      }
      try requireMemory(width, height, channels: 3, path)
      // The operating system provides memory only when it is first written to, so a truncated file uses only as much as
      // it has pixels.
      let pixels = try [UInt8](unsafeUninitializedCapacity: width * height * 3) { pixels, count in
        guard metasal_png_finish(reader, pixels.baseAddress) != 0 else { throw malformed() }
        count = width * height * 3
      }
      return RGBImage(width: width, height: height, pixels: pixels)
    }
  }

  private static func jpeg(_ data: Data, _ path: String) throws -> (RGBImage, damage: String?) {
    guard let reader = metasal_jpeg_open() else {
      throw FileError(.malformed, path, "the JPEG decoder cannot be set up")
    }
    defer { metasal_jpeg_close(reader) }
    func malformed() -> FileError { FileError(.malformed, path, "broken JPEG: \(text(reader.pointee.message))") }
    return try data.withUnsafeBytes { bytes in
      let start = bytes.bindMemory(to: UInt8.self).baseAddress
      var (width32, height32, channels32) = (Int32(0), Int32(0), Int32(0))
      guard metasal_jpeg_begin(reader, start, bytes.count, &width32, &height32, &channels32) != 0 else {
        throw malformed()
      }
      let (width, height, channels) = (Int(width32), Int(height32), Int(channels32))
      guard width > 0, height > 0, width * height <= min(pixelLimit, bytes.count * 4096) else {
        throw FileError(.malformed, path, "a JPEG of \(bytes.count) bytes that claims \(width)×\(height) pixels")
      }
      try requireMemory(width, height, channels: channels, path)
      var pixels = [UInt8](repeating: 0, count: width * height * channels)
      guard metasal_jpeg_finish(reader, &pixels) != 0 else { throw malformed() }
      if channels == 4 {
        // Adobe writes inverted CMYK: each value is the share of light that the ink lets through.
        pixels = (0..<(width * height)).flatMap { i in
          (0..<3).map { UInt8(Int(pixels[i * 4 + $0]) * Int(pixels[i * 4 + 3]) / 255) }
        }
      }
      let damage = text(reader.pointee.damage)
      return (RGBImage(width: width, height: height, pixels: pixels), damage.isEmpty ? nil : damage)
    }
  }
}
