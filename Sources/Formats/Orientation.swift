import Foundation

/// The orientation of an image's stored pixels: the Exif tag 0x0112 of a JPEG or PNG (Exif 2.3, section 4.6.4). Images
/// are rotated upright when they are read. Only this one tag is needed, so it is parsed here, with every offset
/// checked.
public struct Orientation: Sendable, Equatable {
  /// The orientation of an image that is stored upright.
  public static let upright = Orientation(tag: 1)
  /// The value of the tag, 1 to 8.
  private var tag: Int

  /// The orientation for a value of the tag; upright if the value is not 1 to 8.
  public init(tag: Int) { self.tag = (1...8).contains(tag) ? tag : 1 }

  // MARK: Turning

  /// Whether the rows of the stored image are columns of the upright one.
  public var isTransposed: Bool { tag > 4 }

  /// The upright size for a stored size, and vice versa: width and height are exchanged if the orientation transposes.
  public func turned(_ size: PixelSize) -> PixelSize {
    isTransposed ? PixelSize(width: size.height, height: size.width) : size
  }

  /// Maps a point of the stored image to the upright one. Both are in pixels from the upper left corner of the upper
  /// left pixel; `size` is the size of the stored image.
  public func applied(x: Double, y: Double, in size: PixelSize) -> (x: Double, y: Double) {
    let (width, height) = (Double(size.width), Double(size.height))
    return switch tag {
    case 2: (width - x, y)
    case 3: (width - x, height - y)
    case 4: (x, height - y)
    case 5: (y, x)
    case 6: (height - y, x)
    case 7: (height - y, width - x)
    case 8: (y, width - x)
    default: (x, y)
    }
  }

  /// Rotates or mirrors the stored image to the upright one.
  public func applied(to image: RGBImage) -> RGBImage {
    if self == .upright { return image }
    let size = turned(image.size)
    var pixels = [UInt8](repeating: 0, count: image.pixels.count)
    forEachPixel(of: image.size) { source, target in
      for c in 0..<3 { pixels[target * 3 + c] = image.pixels[source * 3 + c] }
    }
    return RGBImage(width: size.width, height: size.height, pixels: pixels)
  }

  /// Rotates or mirrors a mask of the stored image, row by row, to the upright one; `size` is the stored size.
  public func applied(to mask: [Bool], of size: PixelSize) -> [Bool] {
    if self == .upright { return mask }
    var result = mask
    forEachPixel(of: size) { source, target in result[target] = mask[source] }
    return result
  }

  /// Calls `body` for each pixel with its index in the stored image, whose size is given, and in the upright one.
  private func forEachPixel(of size: PixelSize, _ body: (_ source: Int, _ target: Int) -> Void) {
    let (width, height) = (size.width, size.height)
    let upright = turned(size)
    for y in 0..<upright.height {
      for x in 0..<upright.width {
        let (column, row) =
          switch tag {
          case 2: (width - 1 - x, y)
          case 3: (width - 1 - x, height - 1 - y)
          case 4: (x, height - 1 - y)
          case 5: (y, x)
          case 6: (y, height - 1 - x)
          case 7: (width - 1 - y, height - 1 - x)
          case 8: (width - 1 - y, x)
          default: (x, y)
          }
        body(row * width + column, y * upright.width + x)
      }
    }
  }

  // MARK: Reading

  /// Reads the orientation from a JPEG; upright where there is none that can be read.
  init(jpeg data: Data) {
    self = .upright
    let bytes = Reader(data: data, isLittle: false)
    var at = 2
    // The segments before the scan are 0xff, a marker, and a length that includes its own two bytes. Bytes between
    // segments are skipped, as the decoder does.
    while let first = bytes.number(at, 1), let marker = bytes.number(at + 1, 1) {
      if first != 0xff || marker == 0xff {
        at += 1
      } else if marker == 0 || (0xd0...0xd8).contains(marker) || marker == 0x01 {
        at += 2
      } else {
        guard marker != 0xda, marker != 0xd9, let length = bytes.number(at + 2, 2), length >= 2 else { return }
        if marker == 0xe1, bytes.has(Array("Exif\0\0".utf8), at: at + 4) {
          if let tag = Self.tag(data.dropFirst(at + 10).prefix(max(0, length - 8))) { self = Orientation(tag: tag) }
          return
        }
        at += 2 + length
      }
    }
  }

  /// Reads the orientation from the eXIf chunk of a PNG, before or after its pixels; upright where there is none that
  /// can be read.
  init(png data: Data) {
    self.init(tag: PNGChunks(data).first { $0.name == "eXIf" && $0.isSound }.flatMap { Self.tag($0.content) } ?? 1)
  }

  /// Finds the tag in a TIFF structure; nil if it is not there.
  private static func tag(_ data: Data) -> Int? {
    var bytes = Reader(data: data, isLittle: false)
    if bytes.has(Array("II*\0".utf8), at: 0) {
      bytes.isLittle = true
    } else if !bytes.has([0x4d, 0x4d, 0, 0x2a], at: 0) {
      return nil
    }
    guard let directory = bytes.number(4, 4), let entries = bytes.number(directory, 2) else { return nil }
    for entry in 0..<entries {
      let at = directory + 2 + 12 * entry
      guard let name = bytes.number(at, 2), let type = bytes.number(at + 2, 2) else { return nil }
      // The standard type has two bytes; some programs write four bytes or one.
      if name == 0x0112 { return bytes.number(at + 8, type == 4 ? 4 : type == 1 ? 1 : 2) }
    }
    return nil
  }

  /// Reads numbers at byte offsets; nil past the end.
  private struct Reader {
    let data: Data
    var isLittle: Bool

    func has(_ expected: [UInt8], at offset: Int) -> Bool {
      data.count >= offset + expected.count && data.dropFirst(offset).starts(with: expected)
    }

    func number(_ offset: Int, _ size: Int) -> Int? {
      guard offset >= 0, offset <= data.count - size else { return nil }
      let bytes = data[(data.startIndex + offset)..<(data.startIndex + offset + size)]
      return (isLittle ? Array(bytes.reversed()) : Array(bytes)).reduce(0) { $0 << 8 | Int($1) }
    }
  }
}
