import Foundation
import Tensors
import TestSupport
import Testing

@testable import Formats

/// Changes to a valid file of the kinds that find a reader's mistakes, always the same ones for a seed.
struct Fuzzer {
  private let valid: Data
  private var random: RandomSource

  init(_ valid: Data, seed: UInt64) { (self.valid, random) = (valid, RandomSource(seed: seed, purpose: "fuzz")) }

  private mutating func below(_ count: Int) -> Int { Int.random(in: 0..<max(1, count), using: &random) }

  /// The file with one to three changes.
  mutating func next() -> Data {
    var bytes = [UInt8](valid)
    for _ in 0...below(3) { change(&bytes) }
    return Data(bytes)
  }

  private mutating func change(_ bytes: inout [UInt8]) {
    let position = below(bytes.count)
    let rest = bytes.count - position
    switch below(8) {
    case 0: bytes.removeLast(rest)
    case 1: bytes.removeSubrange(position..<position + min(rest, 1 + below(8)))
    case 2: bytes.insert(contentsOf: bytes[position..<position + min(rest, 1 + below(64))], at: position)
    case 3, 4:
      // What may be a length or an offset becomes a number at which arithmetic breaks.
      let edges: [UInt64] = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 62, .max >> 1, .max]
      let edge = edges[below(edges.count)] &+ UInt64(below(3)) &- 1
      let width = min(rest, [1, 2, 4, 8][below(4)])
      let isBig = below(2) == 0
      for i in 0..<width {
        bytes[position + i] = UInt8(truncatingIfNeeded: edge >> UInt64(8 * (isBig ? width - 1 - i : i)))
      }
    default: if rest > 0 { bytes[position] = UInt8(below(256)) }
    }
  }
}

/// Each damaged file is read, or is an error that names it. A crash would end the test process.
@Suite("Damaged files") struct FuzzTests {
  private let folder = ScratchFolder()

  private func fuzz(_ name: String, _ count: Int, _ read: (String) throws -> Void) throws {
    let path = folder.file(name)
    let data = try Data(contentsOf: URL(fileURLWithPath: fixture(name)))
    func attempt(_ bytes: Data) throws {
      try bytes.write(to: URL(fileURLWithPath: path))
      do { try read(path) } catch let error as FileError { #expect(error.file == path) }
    }
    for length in stride(from: 0, to: data.count, by: max(1, data.count / 200)) { try attempt(data.prefix(length)) }
    var fuzzer = Fuzzer(data, seed: 5)
    for _ in 0..<count { try attempt(fuzzer.next()) }
  }

  // Not h5py's files: the HDF5 library itself crashes on some damaged ones of the older versions that h5py writes. Those
  // that are written here are in HDF5Tests.
  @Test(
    "a damaged weight file",
    arguments: [
      "zip.pth", "stream.th", "hostile.th", "transposed.pth", "weights.safetensors", "exported.onnx",
    ])
  func weights(_ name: String) throws { try fuzz(name, 1000) { _ = try WeightFile.read($0) } }

  @Test(
    "a damaged picture",
    arguments: ["rgb.png", "palette.png", "grey.png", "rgb.jpg", "grey.jpg", "cmyk.jpg"])
  func pictures(_ name: String) throws { try fuzz(name, 500) { _ = try Picture(contentsOf: $0) } }

  @Test("half of a picture is an error", arguments: ["rgb.png", "rgb.jpg"])
  func halves(_ name: String) throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: fixture(name)))
    for length in 0..<(data.count - 12) {
      try data.prefix(length).write(to: URL(fileURLWithPath: folder.file(name)))
      #expect(throws: FileError.self, "\(length) bytes") { try Picture(contentsOf: folder.file(name)) }
    }
  }
}
