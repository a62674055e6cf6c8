import Foundation
import Tensors
import TestSupport
import Testing

@testable import Formats

@Suite("Pictures") struct PictureTests {
  private static let pixels: [UInt8] = (0..<(9 * 12)).flatMap { i in
    let (x, y) = (i % 12, i / 12)
    return [UInt8(x * 20), UInt8(y * 28), UInt8((x + y) * 12)]
  }

  @Test("PNGs of every kind are read exactly; an alpha channel is dropped")
  func png() throws {
    for name in ["rgb.png", "rgba.png"] {
      let picture = try Picture(contentsOf: fixture(name))
      #expect(picture.width == 12 && picture.height == 9)
      #expect(picture.pixels == Self.pixels, "\(name)")
    }
    let grey = try Picture(contentsOf: fixture("grey.png"))
    #expect(grey.pixels == Self.pixels.enumerated().map { Self.pixels[$0.offset / 3 * 3] })
    let palette = try Picture(contentsOf: fixture("palette.png"))
    #expect(try Data(palette.pixels) == Data(contentsOf: URL(fileURLWithPath: fixture("palette.png.rgb"))))
  }

  @Test("JPEGs agree with Pillow to within 1/255 on every pixel", arguments: ["rgb.jpg", "grey.jpg"])
  func jpeg(_ name: String) throws {
    let picture = try Picture(contentsOf: fixture(name))
    let expected = try Data(contentsOf: URL(fileURLWithPath: fixture(name + ".rgb")))
    #expect(zip(picture.pixels, expected).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    #expect(picture.pixels.count == expected.count)
  }

  @Test("a CMYK JPEG comes out in its colours")
  func cmyk() throws {
    let picture = try Picture(contentsOf: fixture("cmyk.jpg"))
    let expected = try Data(contentsOf: URL(fileURLWithPath: fixture("cmyk.jpg.rgb")))
    #expect(zip(picture.pixels, expected).allSatisfy { abs(Int($0) - Int($1)) <= 3 })
  }

  @Test("a picture comes back from a PNG as it went")
  func roundTrip() throws {
    let folder = ScratchFolder()
    let picture = Picture(width: 12, height: 9, pixels: Self.pixels)
    try picture.writePNG(to: folder.file("p.png"))
    #expect(try Picture(contentsOf: folder.file("p.png")) == picture)
    #expect(throws: FileError.self) { try picture.writePNG(to: folder.file("none/p.png")) }
  }

  @Test(
    "a picture cut off or damaged is read or is an error that names it; never a crash",
    arguments: ["rgb.png", "rgb.jpg"])
  func damaged(_ name: String) throws {
    let folder = ScratchFolder()
    let data = try Data(contentsOf: URL(fileURLWithPath: fixture(name)))
    let path = folder.file(name)
    for length in 0..<(data.count - 12) {
      try data.prefix(length).write(to: URL(fileURLWithPath: path))
      let error = #expect(throws: FileError.self, "\(length) bytes") { try Picture(contentsOf: path) }
      #expect(error?.file == path)
    }
    var random = RandomSource(seed: 5, purpose: name)
    for _ in 0..<500 {
      var bytes = data
      bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      try bytes.write(to: URL(fileURLWithPath: path))
      do { _ = try Picture(contentsOf: path) } catch let error as FileError { #expect(error.file == path) }
    }
  }
}
