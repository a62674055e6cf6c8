import Foundation

/// How a camera was held: the Exif tag 0x0112 of a JPEG (Exif 2.3, section 4.6.4). Pictures are turned upright when they are
/// read. One tag is all that is wanted, so its few bytes are read here, with every offset checked.
struct Orientation: Equatable {
  /// Upright.
  static let upright = Orientation(tag: 1)
  /// 1 to 8; anything else is read as upright.
  private var tag: Int

  private init(tag: Int) { self.tag = (1...8).contains(tag) ? tag : 1 }

  /// The orientation that a JPEG states; upright where it states none that can be read.
  init(jpeg data: Data) {
    self = .upright
    let bytes = Reader(data: data, isLittle: false)
    var at = 2
    // Segments before the scan: 0xff, a marker, and the length of what follows, the length itself included.
    while let marker = bytes.number(at, 2), marker >> 8 == 0xff, marker != 0xffda,
      let length = bytes.number(at + 2, 2), length >= 2
    {
      if marker == 0xffe1, bytes.has(Array("Exif\0\0".utf8), at: at + 4) {
        if let tag = Self.tag(data.dropFirst(at + 10).prefix(max(0, length - 8))) { self = Orientation(tag: tag) }
        return
      }
      at += 2 + length
    }
  }

  /// The tag in a TIFF structure.
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
      guard let name = bytes.number(at, 2) else { return nil }
      if name == 0x0112 { return bytes.number(at + 8, 2) }
    }
    return nil
  }

  /// Numbers at offsets from the start, nil past the end.
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

  /// The picture turned upright.
  func applied(to picture: Picture) -> Picture {
    if tag == 1 { return picture }
    let (width, height) = (picture.width, picture.height)
    let isTransposed = tag > 4
    let (newWidth, newHeight) = isTransposed ? (height, width) : (width, height)
    var pixels = [UInt8](repeating: 0, count: picture.pixels.count)
    for y in 0..<newHeight {
      for x in 0..<newWidth {
        // Where the upright picture's pixel lies in the stored one.
        let (column, row) =
          switch tag {
          case 2: (width - 1 - x, y)
          case 3: (width - 1 - x, height - 1 - y)
          case 4: (x, height - 1 - y)
          case 5: (y, x)
          case 6: (y, height - 1 - x)
          case 7: (width - 1 - y, height - 1 - x)
          default: (width - 1 - y, x)
          }
        for c in 0..<3 { pixels[(y * newWidth + x) * 3 + c] = picture.pixels[(row * width + column) * 3 + c] }
      }
    }
    return Picture(width: newWidth, height: newHeight, pixels: pixels)
  }
}
