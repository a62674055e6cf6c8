import Foundation
import Tensors
import TestSupport
import Testing

@testable import Formats

/// Each damaged file must either be read or cause an error that names it. A crash would end the test process.
@Suite("Damaged files") struct FuzzTests {
  private let folder = ScratchFolder()

  private func fuzz(_ name: String, _ count: Int, _ read: (String) throws -> Void) throws {
    try fuzz(name, try Data(contentsOf: URL(fileURLWithPath: fixture(name))), count, read)
  }

  private func fuzz(_ name: String, _ data: Data, _ count: Int, _ read: (String) throws -> Void) throws {
    let path = folder.file(name)
    func attempt(_ bytes: Data) throws {
      try bytes.write(to: URL(fileURLWithPath: path))
      do { try read(path) } catch let error as FileError { #expect(error.file == path) }
    }
    let cuts = min(200, count)
    for length in stride(from: 0, to: data.count, by: max(1, data.count / cuts)) { try attempt(data.prefix(length)) }
    var fuzzer = Fuzzer(data, seed: 5)
    for _ in 0..<Fuzzer.rounds(count) { try attempt(fuzzer.next()) }
  }

  @Test(
    "a damaged weight file",
    arguments: [
      "zip.pth", "stream.th", "hostile.th", "transposed.pth", "weights.safetensors", "exported.onnx",
      "elsewhere.onnx", "weights.h5", "earliest.h5", "v110.h5",
    ])
  func weights(_ name: String) throws {
    if name == "elsewhere.onnx" {
      try FileManager.default.copyItem(atPath: fixture(name + ".data"), toPath: folder.file(name + ".data"))
    }
    // Each HDF5 file needs a fork, which is slow while other tests use much memory.
    try fuzz(name, name.hasSuffix(".h5") ? 60 : 1000) { _ = try WeightFile.read($0) }
  }

  @Test(
    "a damaged image",
    arguments: ["rgb.png", "palette.png", "gray.png", "rgb.jpg", "gray.jpg", "cmyk.jpg"])
  func images(_ name: String) throws { try fuzz(name, 500) { _ = try RGBImage(contentsOf: $0) } }

  @Test(
    "a damaged image of a rare kind",
    arguments: ["grey1", "palette2", "greyalpha8", "rgba16", "rgb8interlaced", "rgba16interlaced", "exif6"])
  func rareImages(_ name: String) throws {
    let bytes = try #require(try Safetensors.read(fixture("images.safetensors"))[name])
    try fuzz(name, Data(bytes.doubles.map { UInt8($0) }), 300) { _ = try RGBImage(contentsOf: $0) }
  }

  @Test("half of an image is an error", arguments: ["rgb.png", "rgb.jpg"])
  func halves(_ name: String) throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: fixture(name)))
    // A PNG may lack everything after its pixels: their checksum, the chunk's checksum and the last chunk.
    for length in 0..<(name.hasSuffix(".png") ? data.count - 20 : data.count) {
      try data.prefix(length).write(to: URL(fileURLWithPath: folder.file(name)))
      #expect(throws: FileError.self, "\(length) bytes") { try RGBImage(contentsOf: folder.file(name)) }
    }
  }
}
