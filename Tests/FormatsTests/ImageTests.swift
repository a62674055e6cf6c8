import Foundation
import Tensors
import TestSupport
import Testing

@testable import Formats

@Suite("Images") struct ImageFileTests {
  private static let pixels: [UInt8] = (0..<(9 * 12)).flatMap { i in
    let (x, y) = (i % 12, i / 12)
    return [UInt8(x * 20), UInt8(y * 28), UInt8((x + y) * 12)]
  }

  @Test("PNGs of every kind are read exactly; an alpha channel is dropped")
  func png() throws {
    for name in ["rgb.png", "rgba.png"] {
      let image = try RGBImage(contentsOf: fixture(name))
      #expect(image.width == 12 && image.height == 9)
      #expect(image.pixels == Self.pixels, "\(name)")
    }
    let gray = try RGBImage(contentsOf: fixture("gray.png"))
    #expect(gray.pixels == Self.pixels.enumerated().map { Self.pixels[$0.offset / 3 * 3] })
    let palette = try RGBImage(contentsOf: fixture("palette.png"))
    #expect(try Data(palette.pixels) == Data(contentsOf: URL(fileURLWithPath: fixture("palette.png.rgb"))))
  }

  @Test("PNGs of every kind, and JPEGs of every orientation, agree with Pillow to within 1/255")
  func kinds() throws {
    let folder = ScratchFolder()
    let images = try Safetensors.read(fixture("images.safetensors"))
    let names = images.names.filter { !$0.hasSuffix(".rgb") }
    #expect(names.count == 23)
    for name in names {
      let (file, expected) = (try #require(images[name]), try #require(images[name + ".rgb"]))
      try Data(file.doubles.map { UInt8($0) }).write(to: URL(fileURLWithPath: folder.file(name)))
      let image = try RGBImage(contentsOf: folder.file(name))
      #expect([image.height, image.width, 3] == expected.shape, "\(name)")
      let furthest = zip(image.pixels, expected.doubles).map { abs(Double($0) - $1) }.max() ?? .infinity
      #expect(furthest <= 1, "\(name): \(furthest)")
    }
  }

  @Test("JPEGs agree with Pillow to within 1/255 on every pixel", arguments: ["rgb.jpg", "gray.jpg"])
  func jpeg(_ name: String) throws {
    let image = try RGBImage(contentsOf: fixture(name))
    let expected = try Data(contentsOf: URL(fileURLWithPath: fixture(name + ".rgb")))
    #expect(zip(image.pixels, expected).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    #expect(image.pixels.count == expected.count)
  }

  @Test("an Exif segment that is too short for its own name states no orientation")
  func shortExif() throws {
    let folder = ScratchFolder()
    let bytes = try #require(try Safetensors.read(fixture("images.safetensors"))["exif6"])
    var data = Data(bytes.doubles.map { UInt8($0) })
    let segment = try #require(data.firstRange(of: Data("Exif".utf8))).lowerBound
    for length in 0..<16 {
      data.replaceSubrange(segment - 2..<segment, with: [0, UInt8(length)])
      try data.write(to: URL(fileURLWithPath: folder.file("p")))
      // The rest of the file may then not be a valid JPEG; only the orientation is tested.
      _ = try? RGBImage(contentsOf: folder.file("p"))
      #expect(Orientation(jpeg: data) == .upright)
    }
  }

  @Test(
    "odd and damaged images have Pillow's pixels, and those that Pillow refuses are errors")
  func oddities() throws {
    let folder = ScratchFolder()
    let variants = try Safetensors.read(fixture("oddities.safetensors"))
    let names = variants.names.filter { !$0.hasSuffix(".rgb") && !$0.hasSuffix(".verdict") }
    #expect(names.count == 80)
    for name in names {
      let bytes = Data(try #require(variants[name]).doubles.map { UInt8($0) })
      try bytes.write(to: URL(fileURLWithPath: folder.file("p")))
      let verdict = try #require(variants[name + ".verdict"]?.doubles.first)
      guard verdict > 0 else {
        #expect(throws: FileError.self, "\(name)") { try ImageFile(folder.file("p")) }
        continue
      }
      let kind = bytes.starts(with: [0xff]) ? "clean.jpg" : "clean.png"
      let expected = try #require(variants[(verdict == 1 ? kind : name) + ".rgb"])
      let file = try ImageFile(folder.file("p"))
      #expect([file.image.height, file.image.width, 3] == expected.shape, "\(name)")
      let furthest = zip(file.image.pixels, expected.doubles).map { abs(Double($0) - $1) }.max() ?? .infinity
      #expect(furthest <= (kind == "clean.png" ? 0 : 1), "\(name): \(furthest)")
      // A restart marker with a wrong number cannot be distinguished from a lost one even if all pixels are there, and
      // zero bytes are valid codes.
      let isWhole =
        verdict == 1 && name != "wrong restart"
        || ["clean.jpg", "clean.png", "adobe rgb", "scans gone", "zeros within"].contains(name)
      #expect((file.damage == nil) == isWhole, "\(name): \(file.damage ?? "whole")")
    }
  }

  @Test("an orientation is found after stray and fill bytes, and with a number of any width")
  func orientation() throws {
    let bytes = try #require(try Safetensors.read(fixture("images.safetensors"))["exif6"])
    let data = Data(bytes.doubles.map { UInt8($0) })
    let exif = try #require(data.firstRange(of: [0xff, 0xe1])).lowerBound
    #expect(Orientation(jpeg: data) == Orientation(tag: 6))
    for stray in [[0], [0x11, 0x22], [0xff], [0xff, 0xff], [0xff, 0]] as [[UInt8]] {
      #expect(Orientation(jpeg: data.prefix(exif) + stray + data.suffix(from: exif)) == Orientation(tag: 6), "\(stray)")
    }
    let tag = try #require(data.firstRange(of: [0x01, 0x12, 0, 3]) ?? data.firstRange(of: [0x12, 0x01, 3, 0]))
      .lowerBound
    let isBig = data[tag] == 1
    var wide = data
    wide.replaceSubrange(tag + 2..<tag + 4, with: isBig ? [0, 4] : [4, 0])
    wide.replaceSubrange(tag + 8..<tag + 12, with: isBig ? [0, 0, 0, 8] : [8, 0, 0, 0])
    #expect(Orientation(jpeg: wide) == Orientation(tag: 8))
  }

  @Test("a PNG is rotated upright according to an Exif chunk before or after its pixels", arguments: 1...8)
  func turnedPNG(_ tag: UInt8) throws {
    let folder = ScratchFolder()
    let plain = try Data(contentsOf: URL(fileURLWithPath: fixture("rgb.png")))
    let pixels = try #require(plain.firstRange(of: Data("IDAT".utf8))).lowerBound - 4
    let tiffs: [[UInt8]] = [
      Array("II*\0".utf8) + [8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, tag, 0, 0, 0, 0, 0, 0, 0],
      [0x4d, 0x4d, 0, 0x2a, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, tag, 0, 0, 0, 0, 0, 0],
    ]
    func chunk(_ content: [UInt8], isSound: Bool = true) -> Data {
      let summed = Data("eXIf".utf8) + content
      func number(_ value: UInt32) -> Data { withUnsafeBytes(of: value.bigEndian) { Data($0) } }
      return number(UInt32(content.count)) + summed + number(checksum(summed) ^ (isSound ? 0 : 1))
    }
    func read(_ data: Data) throws -> ImageFile {
      try data.write(to: URL(fileURLWithPath: folder.file("p.png")))
      return try ImageFile(folder.file("p.png"))
    }
    let (upright, orientation) = (try RGBImage(contentsOf: fixture("rgb.png")), Orientation(tag: Int(tag)))
    for tiff in tiffs {
      for place in [pixels, plain.count - 12] {
        let file = try read(plain.prefix(place) + chunk(tiff) + plain.suffix(from: place))
        #expect(file.orientation == orientation && file.image == orientation.applied(to: upright))
      }
      // A broken Exif chunk after the pixels is ignored; one before them breaks the file, as for Pillow.
      let broken = chunk(tiff, isSound: false)
      #expect(try read(plain.prefix(plain.count - 12) + broken + plain.suffix(12)).orientation == .upright)
      #expect(throws: FileError.self) { try read(plain.prefix(pixels) + broken + plain.suffix(from: pixels)) }
    }
    for content in [[], Array("II*\0".utf8), Array("Exif\0\0".utf8) + tiffs[0].prefix(9), Array(tiffs[1].prefix(20))]
      as [[UInt8]]
    {
      _ = try read(plain.prefix(pixels) + chunk(content) + plain.suffix(from: pixels))
    }
  }

  @Test("a CMYK JPEG has the right colors")
  func cmyk() throws {
    let image = try RGBImage(contentsOf: fixture("cmyk.jpg"))
    let expected = try Data(contentsOf: URL(fileURLWithPath: fixture("cmyk.jpg.rgb")))
    #expect(zip(image.pixels, expected).allSatisfy { abs(Int($0) - Int($1)) <= 3 })
  }

  @Test("an image written as a PNG is read back unchanged")
  func roundTrip() throws {
    let folder = ScratchFolder()
    let image = RGBImage(width: 12, height: 9, pixels: Self.pixels)
    try image.writePNG(to: folder.file("p.png"))
    #expect(try RGBImage(contentsOf: folder.file("p.png")) == image)
    #expect(throws: FileError.self) { try image.writePNG(to: folder.file("none/p.png")) }
  }

  @Test("an image that claims an enormous size or hundreds of scans is refused before it uses memory or time")
  func enormous() throws {
    let folder = ScratchFolder()
    func message(_ data: Data) throws -> String {
      let path = folder.file("image")
      try data.write(to: URL(fileURLWithPath: path))
      return #expect(throws: FileError.self) { try RGBImage(contentsOf: path) }?.message ?? ""
    }
    var png = try Data(contentsOf: URL(fileURLWithPath: fixture("rgb.png")))
    png.replaceSubrange(16..<24, with: [0, 0x0f, 0, 0, 0, 0x0f, 0, 0])
    png.replaceSubrange(29..<33, with: withUnsafeBytes(of: checksum(png[12..<29]).bigEndian) { Data($0) })
    #expect(try message(png).contains("claims 983040×983040 pixels"))
    var jpeg = try Data(contentsOf: URL(fileURLWithPath: fixture("rgb.jpg")))
    let frame = try #require(jpeg.firstRange(of: Data([0xff, 0xc0])))
    jpeg.replaceSubrange(frame.lowerBound + 5..<frame.lowerBound + 9, with: [0xff, 0, 0xff, 0])
    #expect(try message(jpeg).contains("claims 65280×65280 pixels"))
    #expect(try message(Data(contentsOf: URL(fileURLWithPath: fixture("scans.jpg")))).contains("broken JPEG"))
  }

  /// The CRC-32 of PNG chunks.
  private func checksum(_ bytes: Data) -> UInt32 {
    var sum = ~UInt32(0)
    for byte in bytes {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 0 ? sum >> 1 : (sum >> 1) ^ 0xedb8_8320 }
    }
    return ~sum
  }
}
