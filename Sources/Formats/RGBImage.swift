import CPNG
import Foundation

/// The size of an image in pixels.
public struct PixelSize: Sendable, Equatable, CustomStringConvertible {
  /// The numbers of columns and rows.
  public var width, height: Int

  /// A size of `width` columns and `height` rows.
  public init(width: Int, height: Int) { (self.width, self.height) = (width, height) }

  public var description: String { "\(width)×\(height)" }
}

/// An image with eight bits each of red, green and blue, row by row.
public struct RGBImage: Sendable, Equatable {
  /// The numbers of columns and rows in pixels.
  public let width, height: Int
  /// The pixels [`height`, `width`, 3], as bytes.
  public var pixels: [UInt8]

  /// Creates an image from `height` · `width` · 3 bytes.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(pixels.count == width * height * 3, "RGBImage: \(pixels.count) bytes for \(width)×\(height)")
    (self.width, self.height, self.pixels) = (width, height, pixels)
  }

  /// The file extensions of images that can be read, in lower case: those that Pillow uses for JPEG and PNG.
  public static let endings: Set = ["png", "apng", "jpg", "jpeg", "jpe", "jfif"]

  /// The size of the image.
  public var size: PixelSize { PixelSize(width: width, height: height) }

  /// Reads an image from a file and rotates it upright; see ``ImageFile``.
  public init(contentsOf path: String) throws { self = try ImageFile(path).image }

  /// Writes the image as an eight-bit RGB PNG.
  ///
  /// - Throws: a ``FileError`` if it cannot be written; an existing file is then unchanged.
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
      throw FileError(.unwritable, path, "the image cannot be made: \(message)")
    }
    png.removeLast(png.count - size)
    png.insert(contentsOf: PNGMark.chunk, at: PNGMark.offset)
    try Files.write(png, to: path)
  }
}
