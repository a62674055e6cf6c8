import Foundation
import TestSupport
import Testing

@testable import Formats

/// Files that are made to exhaust a reader's stack, memory or time. A crash or an endless loop ends the test process.
@Suite("Hostile files") struct HostileFileTests {
  private let folder = ScratchFolder()

  private func read(_ data: Data) throws -> NamedTensors {
    let path = folder.file("hostile")
    try data.write(to: URL(fileURLWithPath: path))
    return try WeightFile.read(path)
  }

  private func message(_ data: Data) -> String {
    let error = #expect(throws: FileError.self) { try read(data) }
    return error.map { $0.message } ?? ""
  }

  @Test("a pickle may be nested deeply or contain itself")
  func nesting() {
    var tuples = PickleStream()
    tuples.add(UInt8(ascii: ")"))
    for _ in 0..<500_000 { tuples.add(0x85) }
    #expect(message(tuples.file()).contains("no tensors"))
    // Nested lists, each appended to the next one while it is still empty.
    var lists = PickleStream()
    for _ in 0..<200_000 { lists.add(UInt8(ascii: "]")) }
    for _ in 0..<199_999 { lists.add(UInt8(ascii: "a")) }
    #expect(message(lists.file()).contains("no tensors"))
    var circle = PickleStream()
    circle.add(UInt8(ascii: "}"), UInt8(ascii: "q"), 0)
    circle.add("self")
    circle.add(UInt8(ascii: "h"), 0, UInt8(ascii: "s"))
    #expect(message(circle.file()).contains("no tensors"))
  }

  @Test("tensors may share a storage and slices of it, as tied weights do, but not expand it much")
  func sharing() throws {
    func views(_ count: Int, _ view: (Int) -> (offset: Int, size: Int)) -> Data {
      PickleStream(views: (0..<count).map { ("t\($0)", view($0).offset, [view($0).size], [1]) }, of: 1000)
        .file(storage: 1000)
    }
    let tied = try read(views(300) { _ in (0, 1000) })
    #expect(tied.entries.count == 300)
    #expect(tied["t7"]?.doubles == (0..<1000).map(Double.init))
    let slices = try read(views(100) { ($0 * 10, 10) })
    #expect(slices["t99"]?.doubles == (990..<1000).map(Double.init))
    #expect(message(views(300) { ($0, 700) }).contains("too many different views of the storage '0'"))
  }

  @Test("tensors that were expanded before they were saved are read, unless they expand too much")
  func expanded() throws {
    func views(_ views: [(name: String, offset: Int, shape: [Int], strides: [Int])]) -> Data {
      PickleStream(views: views, of: 4).file(storage: 4)
    }
    let weights = try read(
      views([("row", 0, [3, 4], [0, 1]), ("column", 1, [3, 2], [1, 0]), ("number", 2, [5, 1, 2], [0, 0, 0])]))
    #expect(weights["row"]?.doubles == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3])
    #expect(weights["column"]?.doubles == [1, 1, 2, 2, 3, 3])
    #expect(weights["number"]?.shape == [5, 1, 2] && weights["number"]?.doubles == [Double](repeating: 2, count: 10))
    #expect(message(views([("t", 0, [1 << 21], [0])])).contains("2097152 elements out of a storage of 4"))
    // Many expanded tensors, each with its own storage, are refused too.
    let many = (0..<40).map { ("t\($0)", 0, [1 << 15, $0 + 1], [0, 0]) }
    #expect(message(views(many)).contains("too many different views of the storage '0'"))
  }

  @Test("a list that is recalled many times cannot fill the memory")
  func recalledLists() {
    var pickle = PickleStream()
    pickle.add(UInt8(ascii: "]"), UInt8(ascii: "q"), 0, UInt8(ascii: "("))
    for _ in 0..<10_000 { pickle.add(UInt8(ascii: "N"), UInt8(ascii: "N"), 0x86) }
    pickle.add(UInt8(ascii: "e"))
    pickle.add(global: "collections", "OrderedDict")
    pickle.add(UInt8(ascii: "q"), 1)
    for _ in 0..<10_000 { pickle.add(UInt8(ascii: "h"), 1, UInt8(ascii: "h"), 0, 0x85, UInt8(ascii: "R")) }
    #expect(message(pickle.file()).contains("more pairs than the file holds"))
  }

  @Test("long names that are repeated cannot fill the memory, and every tensor is found once")
  func names() throws {
    // Nested dictionaries, each under a long name.
    var long = PickleStream()
    long.add(String(repeating: "k", count: 1_000_000))
    long.add(UInt8(ascii: "q"), 0, UInt8(ascii: "}"))
    for _ in 0..<90 { long.add(UInt8(ascii: "}"), UInt8(ascii: "h"), 0) }
    long.add(UInt8(ascii: "}"))
    for _ in 0..<90 { long.add(UInt8(ascii: "s")) }
    #expect(message(long.file()).contains("names of more than"))
    // Dictionaries that contain the next one twice, so that the number of paths to the last is exponential.
    var twice = PickleStream()
    twice.add(UInt8(ascii: "}"))
    twice.add("t")
    twice.add(tensorOf: 1, at: 0, shape: [1, 1], strides: [1, 1])
    twice.add(UInt8(ascii: "s"), UInt8(ascii: "q"), 0)
    for _ in 0..<90 {
      twice.add(UInt8(ascii: "}"))
      for name in ["a", "b"] {
        twice.add(name)
        twice.add(UInt8(ascii: "h"), 0, UInt8(ascii: "s"))
      }
      twice.add(UInt8(ascii: "q"), 0)
    }
    #expect(try read(twice.file(storage: 1)).names == ["t"])
  }

  @Test("nested calls and calls of results of calls become placeholders, however many there are")
  func calls() {
    var calls = PickleStream()
    calls.add(global: "builtins", "getattr")
    for _ in 0..<200_000 { calls.add(UInt8(ascii: ")"), UInt8(ascii: "R")) }
    #expect(message(calls.file()).contains("what a call gave"))
    var types = PickleStream()
    types.add(UInt8(ascii: ")"))
    for _ in 0..<100_000 {
      types.add(UInt8(ascii: "q"), 0)
      types.add(global: "torch._tensor", "_rebuild_from_type_v2")
      types.add(UInt8(ascii: "N"), UInt8(ascii: "h"), 0, 0x87)
    }
    types.add(global: "torch._tensor", "_rebuild_from_type_v2")
    types.add(UInt8(ascii: "h"), 0, UInt8(ascii: "R"))
    #expect(message(types.file()).contains("no tensors"))
  }

  private struct View {
    let offset: Int
    let shape, strides: [Int]
  }

  @Test("a tensor that exceeds its storage is refused, even if the product of its sizes overflows")
  func views() {
    let large = 1 << 30
    let axes = [Int](repeating: 1, count: 17)
    let views = [
      View(offset: 0, shape: [4], strides: [2]), View(offset: 5, shape: [1], strides: [1]),
      View(offset: -1, shape: [1], strides: [1]), View(offset: 0, shape: [-1], strides: [1]),
      View(offset: 0, shape: [2], strides: [-1]), View(offset: 0, shape: [2, 2], strides: [1]),
      View(offset: 0, shape: [1 << 21], strides: [0]),
      View(offset: 0, shape: [large, large, large], strides: [0, 0, 0]),
      View(offset: 0, shape: [2, 2, 2], strides: [large, large, large]),
      View(offset: 0, shape: [0, large, large, large], strides: [1, 1, 1, 1]),
      View(offset: 0, shape: axes, strides: axes),
    ]
    for view in views {
      let file = PickleStream(views: [("t", view.offset, view.shape, view.strides)], of: 4).file(storage: 4)
      #expect(throws: FileError.self, "\(view)") { try read(file) }
    }
  }

  @Test("an empty tensor is read at once, however large its other axes are")
  func empty() throws {
    let tensors = try read(
      safetensors(#"{"a":{"dtype":"F32","shape":[1000000000000000000,0],"data_offsets":[0,0]}}"#, 0))
    #expect(tensors["a"]?.count == 0)
    #expect(try read(PickleStream(views: [("a", 0, [1 << 30, 0], [1, 1])], of: 1).file(storage: 1))["a"]?.count == 0)
  }

  @Test(
    "safetensors with gaps, overlaps or too many axes are errors that name the tensor",
    arguments: [
      ([(8, 16), (16, 24)], "'t0' begins at byte 8"), ([(0, 8), (12, 20)], "'t1' begins at byte 12"),
      ([(0, 8), (4, 12)], "'t1' begins at byte 4"), ([(0, 8), (0, 8)], "'t1' begins at byte 0"),
      ([(0, 8)], "end at byte 8 of 24"),
    ])
  func safetensorsLayout(_ offsets: [(Int, Int)], _ problem: String) {
    let entries = offsets.enumerated().map { i, offsets in
      #""t\#(i)":{"dtype":"F32","shape":[2],"data_offsets":[\#(offsets.0),\#(offsets.1)]}"#
    }
    #expect(message(safetensors("{\(entries.joined(separator: ","))}", 24)).contains(problem))
  }

  @Test("a header with very deep nesting or very many axes is refused")
  func safetensorsHeaders() {
    let axes = [String](repeating: "1", count: 200_000).joined(separator: ",")
    #expect(
      message(safetensors(#"{"a":{"dtype":"U8","shape":[\#(axes)],"data_offsets":[0,1]}}"#, 1)).hasSuffix(
        "'a' has 200000 axes"))
    #expect(message(safetensors(#"{"a":"# + String(repeating: "[", count: 200_000), 0)).contains("not a JSON object"))
  }

  private func safetensors(_ header: String, _ body: Int) -> Data {
    withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) } + Data(header.utf8)
      + Data(repeating: 0, count: body)
  }
}
