import CPNG
import Foundation

/// Sizes in pixels.
public struct PixelSize: Sendable, Equatable, CustomStringConvertible {
  /// Columns and rows.
  public var width, height: Int

  /// Such sizes.
  public init(width: Int, height: Int) { (self.width, self.height) = (width, height) }

  public var description: String { "\(width)×\(height)" }
}

/// An image of eight-bit red, green and blue, row by row.
public struct RGBImage: Sendable, Equatable {
  /// Columns and rows, in pixels.
  public let width, height: Int
  /// `height` · `width` · 3 bytes.
  public var pixels: [UInt8]

  /// An image of pixels that are at hand.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(pixels.count == width * height * 3, "RGBImage: \(pixels.count) bytes for \(width)×\(height)")
    (self.width, self.height, self.pixels) = (width, height, pixels)
  }

  /// What ends the names of images that are read: Pillow's endings of JPEGs and PNGs, in small letters.
  public static let endings: Set = ["png", "apng", "jpg", "jpeg", "jpe", "jfif"]

  /// Its sizes.
  public var size: PixelSize { PixelSize(width: width, height: height) }

  /// The image in a file, upright; see ``ImageFile``.
  public init(contentsOf path: String) throws { self = try ImageFile(path).image }

  /// Writes the image as an eight-bit RGB PNG.
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
      throw FileError(.unwritable, path, "the image cannot be made: \(message)")
    }
    png.removeLast(png.count - size)
    png.insert(contentsOf: PNGMark.chunk, at: PNGMark.offset)
    try Files.write(png, to: path)
  }
}
