import CPNG
import CTurboJPEG
import Foundation

/// An image of eight-bit red, green and blue, row by row.
public struct Picture: Sendable, Equatable {
  public let width, height: Int
  /// `height` · `width` · 3 bytes.
  public var pixels: [UInt8]

  /// A picture of pixels that are at hand.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(pixels.count == width * height * 3, "Picture: \(pixels.count) bytes for \(width)×\(height)")
    (self.width, self.height, self.pixels) = (width, height, pixels)
  }

  /// More pixels than this are refused, whatever a header says.
  private static let pixelLimit = 1 << 28

  /// Reads a PNG or a JPEG, told apart by content. Greys become colours; an alpha channel is dropped; what a camera held
  /// askew is turned upright.
  public init(contentsOf path: String) throws {
    let data = try Files.read(path)
    if data.starts(with: [0x89, 0x50, 0x4e, 0x47]) {
      self = try Self.png(data, path)
    } else if data.starts(with: [0xff, 0xd8]) {
      self = Orientation(jpeg: data).applied(to: try Self.jpeg(data, path))
    } else {
      throw FileError(.malformed, path, "neither a PNG nor a JPEG image")
    }
  }

  private static func png(_ data: Data, _ path: String) throws -> Picture {
    try data.withUnsafeBytes { bytes in
      guard let reader = metasal_png_open(bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count) else {
        throw FileError(.malformed, path, "the PNG decoder cannot be set up")
      }
      defer { metasal_png_close(reader) }
      func malformed() -> FileError {
        let message = withUnsafeBytes(of: reader.pointee.message) {
          String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        return FileError(.malformed, path, "broken PNG: \(message)")
      }
      var size = (width: UInt32(0), height: UInt32(0))
      guard metasal_png_begin(reader, &size.width, &size.height) != 0 else { throw malformed() }
      let (width, height) = (Int(size.width), Int(size.height))
      // Deflate gives at most about a thousandfold, so a small file cannot hold what a large header announces.
      guard width > 0, height > 0, width * height <= min(pixelLimit, bytes.count * 8400) else {
        throw FileError(.malformed, path, "a PNG of \(bytes.count) bytes that claims \(width)×\(height) pixels")
      }
      // Memory that is not written to is not taken, so that what is cut off takes no more than it holds.
      let pixels = try [UInt8](unsafeUninitializedCapacity: width * height * 3) { pixels, count in
        guard metasal_png_finish(reader, pixels.baseAddress) != 0 else { throw malformed() }
        count = width * height * 3
      }
      return Picture(width: width, height: height, pixels: pixels)
    }
  }

  private static func jpeg(_ data: Data, _ path: String) throws -> Picture {
    guard let decoder = tjInitDecompress() else {
      throw FileError(.malformed, path, "the JPEG decoder cannot be set up")
    }
    defer { tjDestroy(decoder) }
    func malformed() -> FileError {
      FileError(.malformed, path, "broken JPEG: \(String(cString: tjGetErrorStr2(decoder)))")
    }
    return try data.withUnsafeBytes { bytes in
      let start = bytes.bindMemory(to: UInt8.self).baseAddress
      var (width, height, subsampling, colours) = (Int32(0), Int32(0), Int32(0), Int32(0))
      guard tjDecompressHeader3(decoder, start, UInt(bytes.count), &width, &height, &subsampling, &colours) == 0 else {
        throw malformed()
      }
      guard width > 0, height > 0, Int(width) * Int(height) <= min(pixelLimit, bytes.count * 4096) else {
        throw FileError(.malformed, path, "a JPEG of \(bytes.count) bytes that claims \(width)×\(height) pixels")
      }
      let isCMYK = colours == TJCS_CMYK.rawValue || colours == TJCS_YCCK.rawValue
      let channels = isCMYK ? 4 : 3
      var pixels = [UInt8](repeating: 0, count: Int(width) * Int(height) * channels)
      // A warning (a file cut off, a damaged block) counts as failure here: half an image is no training example. The
      // limit is for small files that describe a large image in scan after scan, each of which takes its time.
      guard
        tjDecompress2(
          decoder, start, UInt(bytes.count), &pixels, width, 0, height, Int32((isCMYK ? TJPF_CMYK : TJPF_RGB).rawValue),
          TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS) == 0
      else { throw malformed() }
      if isCMYK {
        // Adobe's inverted inks: what is stored is how much light each leaves.
        pixels = (0..<(Int(width) * Int(height))).flatMap { i in
          (0..<3).map { UInt8(Int(pixels[i * 4 + $0]) * Int(pixels[i * 4 + 3]) / 255) }
        }
      }
      return Picture(width: Int(width), height: Int(height), pixels: pixels)
    }
  }

  /// Writes the picture as an eight-bit RGB PNG.
  ///
  /// - Throws: a ``FileError`` if it cannot be written; what was there before is then left as it was.
  public func writePNG(to path: String) throws {
    var image = png_image()
    image.version = UInt32(PNG_IMAGE_VERSION)
    (image.width, image.height, image.format) = (UInt32(width), UInt32(height), UInt32(PNG_FORMAT_RGB))
    defer { png_image_free(&image) }
    var size = metasal_png_largest(&image)
    var png = Data(count: size)
    let isMade = png.withUnsafeMutableBytes {
      png_image_write_to_memory(&image, $0.baseAddress, &size, 0, pixels, Int32(width * 3), nil) != 0
    }
    guard isMade else {
      let message = withUnsafeBytes(of: image.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      throw FileError(.unwritable, path, "the picture cannot be made: \(message)")
    }
    png.removeLast(png.count - size)
    png.insert(contentsOf: PictureMark.chunk, at: PictureMark.offset)
    try Files.write(png, to: path)
  }
}
