import CJPEG
import CPNG
import Foundation
import Tensors

/// A PNG or a JPEG as it was read, told apart by content. What is broken is what Pillow calls broken, so that who reads a data
/// set with PyTorch reads the same images here.
public struct ImageFile: Sendable {
  /// Upright: what a camera held askew is turned. A gray image becomes a color image; an alpha channel is dropped.
  public let image: RGBImage
  /// How the file's pixels lie.
  public let orientation: Orientation
  /// What says that pixels were lost within the file, though it is whole; nil where nothing does. The JPEG decoder fills them
  /// with grays and Pillow takes them without a word.
  public let damage: String?

  /// More pixels than this are refused, whatever a header says.
  private static let pixelLimit = 1 << 28

  /// - Throws: a ``FileError`` if the file is missing, no such image, broken or cut off.
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

  /// Whether there is memory for an image of that size. Only of a large one it is asked: that takes time.
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
    // Those after the pixels do not matter, and the pixels have a sum of their own.
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
      // Deflate gives at most about a thousandfold, so a small file cannot hold what a large header announces.
      guard width > 0, height > 0, width * height <= min(pixelLimit, bytes.count * 8400) else {
        throw FileError(.malformed, path, "a PNG of \(bytes.count) bytes that claims \(width)×\(height) pixels")
      }
      try requireMemory(width, height, channels: 3, path)
      // Memory that is not written to is not taken, so that what is cut off takes no more than it holds.
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
        // Adobe's inverted inks: what is stored is how much light each leaves.
        pixels = (0..<(width * height)).flatMap { i in
          (0..<3).map { UInt8(Int(pixels[i * 4 + $0]) * Int(pixels[i * 4 + 3]) / 255) }
        }
      }
      let damage = text(reader.pointee.damage)
      return (RGBImage(width: width, height: height, pixels: pixels), damage.isEmpty ? nil : damage)
    }
  }
}
