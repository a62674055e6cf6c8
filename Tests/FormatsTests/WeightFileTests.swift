import Foundation
import Tensors
import TestSupport
import Testing

@testable import Formats

@Suite("Weight files") struct WeightFileTests {
  @Test(
    "files written by PyTorch, safetensors and h5py are read with all formats, element types and strides",
    arguments: ["zip.pth", "stream.th", "weights.safetensors"])
  func peers(_ name: String) throws {
    let weights = try WeightFile.read(fixture(name))
    #expect(Set(weights.names) == ["a", "b", "h", "bf", "n"])
    #expect(weights["a"]?.shape == [2, 3])
    #expect(weights["a"]?.scalarType == .float32)
    #expect(weights["a"]?.doubles == [0, 0.5, 1, 1.5, 2, 2.5])
    #expect(weights["b"]?.scalarType == .float64)
    #expect(weights["b"]?.doubles == [1, -2, 3, -4])
    #expect(weights["h"]?.doubles == [0.5, -1.5, 65504])
    #expect(weights["bf"]?.doubles == [1, -0.0078125])
    #expect(weights["n"]?.doubles == [7])
    if name != "weights.safetensors" {
      #expect(weights.metadata["best_prec1"] == "91.5")
      #expect(weights.metadata["epoch"] == "3")
    }
  }

  @Test("the strides of a transposed tensor are used")
  func strides() throws {
    let weights = try PyTorchFile.read(fixture("transposed.pth"))
    #expect(weights["t"]?.shape == [3, 2])
    #expect(weights["t"]?.doubles == [0, 3, 1, 4, 2, 5])
  }

  @Test("h5py's files are read: chunks, compression, float16, integers, scalars, text attributes")
  func h5py() throws {
    let contents = try HDF5File.read(fixture("weights.h5"))
    #expect(contents.tensor("group/a")?.doubles == [0, 0.5, 1, 1.5, 2, 2.5])
    #expect(contents.tensor("group/b")?.doubles == [1, -2, 3, -4])
    #expect(contents.tensor("h")?.doubles == [0.5, -1.5, 65504])
    #expect(contents.tensor("scalar")?.item == 2.5)
    #expect(contents.integers("n") == [7, -8])
    #expect(contents.attributes["title"] == "made by h5py")
    #expect(try WeightFile.read(fixture("weights.h5"))["group.a"]?.shape == [2, 3])
  }

  @Test("tensors are read back from safetensors and HDF5 bit for bit")
  func roundTrips() throws {
    let folder = ScratchFolder()
    var random = RandomSource(seed: 1, purpose: "test")
    let weights = NamedTensors(
      [
        ("b.weight", .normal([3, 2, 1], using: &random)), ("a", .normal([5], .float64, using: &random)),
        ("scalar", Tensor(0.1)), ("empty", .zeros([0, 3])),
      ], metadata: ["made by": "a test", "ümlaut": "ß"])
    try Safetensors.write(weights, to: folder.file("w.safetensors"))
    let back = try WeightFile.read(folder.file("w.safetensors"))
    #expect(back.metadata == weights.metadata.merging(["software": "metasal"]) { $1 })
    var contents = HDF5Contents()
    contents.attributes = weights.metadata
    for (name, value) in weights.entries { contents.add("model/" + name, .tensor(value)) }
    contents.add("run/step", .integers([3, -1, .max]))
    try HDF5File.write(contents, to: folder.file("w.h5"))
    #expect(try HDF5File.read(folder.file("w.h5")).integers("run/step") == [3, -1, .max])
    #expect(try HDF5File.read(folder.file("w.h5")).attributes == back.metadata)
    for read in [back, try WeightFile.read(folder.file("w.h5"))] {
      #expect(Set(read.names) == Set(weights.names))
      for (name, value) in weights.entries {
        #expect(read[name]?.shape == value.shape)
        #expect(read[name]?.scalarType == value.scalarType)
        #expect(read[name]?.doubles == value.doubles)
      }
    }
  }

  @Test(
    "a pickle that would run a program is refused by name, and runs nothing", arguments: ["hostile.pth", "hostile.th"])
  func hostile(_ name: String) throws {
    let error = #expect(throws: FileError.self) { try WeightFile.read(fixture(name)) }
    #expect(error?.kind == .malformed)
    #expect(error?.description.contains("posix.system") == true)
    #expect(!FileManager.default.fileExists(atPath: "executed"))
  }

  @Test(
    "headers that claim more than the file contains are refused",
    arguments: [
      #"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,16]}}"#,
      #"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,999999999999]}}"#,
      #"{"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}}"#,
      #"{"a":{"dtype":"F99","shape":[4],"data_offsets":[0,16]}}"#, #"{"a":3}"#, #"[1]"#,
    ])
  func safetensorsHeaders(_ header: String) throws {
    var data = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
    data += Data(header.utf8) + Data(repeating: 0, count: 16)
    #expect(throws: FileError.self) { try Safetensors.decode(data, "made") }
    let long = withUnsafeBytes(of: UInt64.max) { Data($0) } + Data("{}".utf8)
    #expect(throws: FileError.self) { try Safetensors.decode(long, "made") }
  }

  @Test("a missing file, a folder and another kind of file have different errors")
  func strangers() throws {
    let folder = ScratchFolder()
    let missing = #expect(throws: FileError.self) { try WeightFile.read(folder.file("none.pth")) }
    #expect(missing?.kind == .missing)
    #expect(throws: FileError.self) { try WeightFile.read(folder.path) }
    let text = try folder.write("notes.txt", "these are no weights")
    let error = #expect(throws: FileError.self) { try WeightFile.read(text) }
    #expect(error?.description.contains("expected safetensors") == true)
  }

  @Test("a file that cannot be written is an error, leaves no temporary file and does not change the old file")
  func unwritable() throws {
    let folder = ScratchFolder()
    let weights = NamedTensors([("a", Tensor([1.0]))])
    let error = #expect(throws: FileError.self) {
      try Safetensors.write(weights, to: folder.file("none/w.safetensors"))
    }
    #expect(error?.kind == .unwritable)
    let old = Ownership.marked("old")
    let path = try folder.write("old.txt", old)
    #expect(throws: FileError.self) {
      try Files.replace(path) { part in
        try Data("half".utf8).write(to: URL(fileURLWithPath: part.path))
        throw FileError(.unwritable, path, "interrupted")
      }
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == old)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["old.txt"])
  }
}
