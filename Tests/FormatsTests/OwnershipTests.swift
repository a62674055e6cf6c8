import Foundation
import Tensors
import TestSupport
import Testing

@testable import Formats

@Suite("Files that metasal wrote") struct OwnershipTests {
  private let folder = ScratchFolder()

  /// Writes a file of each format, named after it.
  private func writeAll() throws {
    let weights = NamedTensors([("a.weight", Tensor([1, 2, 3]))], metadata: ["software": "somebody else"])
    for (name, format) in [("w.safetensors", WeightFile.Format.safetensors), ("w.h5", .hdf5), ("w.pth", .pytorch)] {
      try WeightFile.write(weights, as: format, to: folder.file(name))
    }
    // HDF5 stores this many attributes in another part of the file.
    var many = HDF5Contents()
    for i in 0..<20 { many.attributes["attribute \(i)"] = String(repeating: "x", count: 200) }
    try HDF5File.write(many, to: folder.file("many.h5"))
    try ONNXModel().write(to: folder.file("w.onnx"))
    try HDF5Writer.write(to: folder.file("rows.h5")) { try $0.append(numbers: [1], to: "n") }
    try RGBImage(width: 1, height: 1, pixels: [1, 2, 3]).writePNG(to: folder.file("p.png"))
    let texts = [
      ("recipe.yaml", Ownership.marked("model: {}\n")), ("empty.txt", Ownership.marked("")),
      ("t.csv", Ownership.tableHead + "mean\n"),
      ("page.html", Ownership.pageHead + "</head>"), ("e.json", "{\n  \"software\" : \"metasal\"\n}"),
      ("m.jsonl", "{\"software\":\"metasal\"}\n{\"step\":1}\n"), ("nothing", ""),
    ]
    for (name, text) in texts { try Files.write(Data(text.utf8), to: folder.file(name)) }
  }

  @Test("are recognized by their marks, and can be replaced and removed")
  func own() throws {
    try writeAll()
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(names.count == 14)
    for name in names { #expect(Ownership.isOwn(folder.file(name)), "\(name)") }
    try writeAll()
    for name in names { try Ownership.remove(folder.file(name)) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test(
    "other files and folders are not replaced, whatever their contents",
    arguments: [
      "rgb.jpg", "rgb.png", "weights.h5", "weights.safetensors", "zip.pth", "stream.th", "exported.onnx", "v110.h5",
      "make_fixtures.py",
    ])
  func others(_ name: String) throws {
    let path = folder.file(name)
    try FileManager.default.copyItem(atPath: fixture(name), toPath: path)
    let before = try Data(contentsOf: URL(fileURLWithPath: path))
    #expect(!Ownership.isOwn(path))
    for write in [{ try Files.write(Data("x".utf8), to: path) }, { try Ownership.remove(path) }] as [() throws -> Void]
    {
      let error = #expect(throws: FileError.self) { try write() }
      #expect(error?.kind == .unwritable && error?.file == path)
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
    #expect(!Ownership.isOwn(folder.path))
  }

  @Test(
    "similar texts belong to the user",
    arguments: [
      "{", "{}", #"{"software":"other"}"#, #"{"made by":"metasal"}"#, "[\"metasal\"]", "# Written by metasal",
      "metasal",
      "measure,method\n", "<!doctype html>\n<html>", "model: plain", " ", "\u{89}PNG\r\n\u{1a}\n",
    ])
  func lookalikes(_ text: String) throws { #expect(!Ownership.isOwn(try folder.write("f", text))) }

  @Test("a text that was edited since belongs to the user")
  func changed() throws {
    let text = Ownership.marked("a: 1\nb: 2\n")
    #expect(Ownership.isOwn(try folder.write("f", text)))
    for (old, new) in [("1", "2"), ("b", " b"), ("2\n", "2"), ("# ", "#")] {
      #expect(!Ownership.isOwn(try folder.write("f", text.replacingOccurrences(of: old, with: new))))
    }
    #expect(!Ownership.isOwn(try folder.write("f", text + "c: 3\n")))
  }

  @Test("damaged files are handled safely, and belong to the user unless their mark is intact")
  func damaged() throws {
    try writeAll()
    for name in ["w.safetensors", "w.h5", "w.pth", "w.onnx", "p.png", "recipe.yaml", "e.json"] {
      let data = try Data(contentsOf: URL(fileURLWithPath: folder.file(name)))
      var fuzzer = Fuzzer(data, seed: 3)
      for _ in 0..<Fuzzer.rounds(40) {
        try fuzzer.next().write(to: URL(fileURLWithPath: folder.file("damaged")))
        _ = Ownership.isOwn(folder.file("damaged"))
      }
    }
  }

  @Test("an input is not replaced through any path, and no output is written twice")
  func inputs() throws {
    try writeAll()
    let input = folder.file("w.h5")
    symlink(input, folder.file("symbolic.h5"))
    link(input, folder.file("hard.h5"))
    for path in [input, folder.file("./w.h5"), folder.file("symbolic.h5"), folder.file("hard.h5")] {
      #expect(throws: FileError.self) { try Ownership.requireReplaceable([path], inputs: [input]) }
      #expect(throws: FileError.self) { try Ownership.requireReplaceable([path], inputs: [input + "::model.ema"]) }
    }
    try Ownership.requireReplaceable(
      [folder.file("rows.h5"), folder.file("new")], inputs: [input, folder.file("none")])
    #expect(throws: FileError.self) {
      try Ownership.requireReplaceable([folder.file("new"), folder.file("./new")], inputs: [])
    }
    #expect(throws: FileError.self) { try Ownership.remove(folder.file("symbolic.h5")) }
  }

  @Test("a file's place is the same through links, whether the file exists or not")
  func place() throws {
    let folder = ScratchFolder()
    try Files.makeFolder(folder.file("real"))
    try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: "real")
    #expect(Files.place(of: folder.file("link/new")) == Files.place(of: folder.file("real/./new")))
    try folder.write("real/new", "x")
    #expect(Files.place(of: folder.file("link/new")) == Files.place(of: folder.file("real/new")))
    #expect(Files.place(of: "/") == "/" && Files.place(of: "r") != Files.place(of: "s"))
    // A link to a missing file means that file.
    try FileManager.default.createSymbolicLink(atPath: folder.file("later"), withDestinationPath: "real/late")
    #expect(throws: FileError.self) {
      try Ownership.requireReplaceable([folder.file("later"), folder.file("real/late")], inputs: [])
    }
    try Ownership.requireReplaceable([folder.file("later"), folder.file("real/other")], inputs: [])
  }
}
