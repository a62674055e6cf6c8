import Foundation
import Tensors
import TestSupport
import Testing

@testable import Formats

@Suite("Writing weights") struct WritingTests {
  private let folder = ScratchFolder()

  private func isSame(_ a: Tensor?, _ b: Tensor?) -> Bool {
    guard let a, let b, a.shape == b.shape, a.scalarType == b.scalarType else { return false }
    return a.withUnsafeBytes { a in b.withUnsafeBytes { a.elementsEqual($0) } }
  }

  @Test(
    "float16 and bfloat16 are rounded as in PyTorch",
    arguments: [("half", StoredPrecision.float16), ("bfloat16", .bfloat16)])
  func rounding(_ name: String, _ precision: StoredPrecision) throws {
    let expected = try Safetensors.read(fixture("halves.safetensors"))
    let x = try #require(expected["x"])
    try Safetensors.write(NamedTensors([("x", x)]), as: precision, to: folder.file("x.safetensors"))
    let found = try #require(try Safetensors.read(folder.file("x.safetensors"))["x"])
    let wanted = try #require(expected[name])
    #expect(zip(found.doubles, wanted.doubles).allSatisfy { $0 == $1 && $0.sign == $1.sign })
  }

  @Test(
    "weights are read back unchanged from every format, and the bytes depend only on the contents",
    arguments: [WeightFile.Format.safetensors, .hdf5, .pytorch])
  func roundTrip(_ format: WeightFile.Format) throws {
    var random = RandomSource(seed: 1, purpose: "test")
    let weights = NamedTensors([
      ("conv.weight", .normal([3, 2, 1, 4], using: &random)), ("conv.bias", .normal([3], using: &random)),
      ("wide", .normal([5], .float64, using: &random)), ("scalar", Tensor(0.1)),
    ])
    let path = folder.file("w")
    try WeightFile.write(weights, as: format, to: path)
    let back = try WeightFile.read(path)
    #expect(Set(back.names) == Set(weights.names))
    for (name, value) in weights.entries { #expect(isSame(back[name], value), "\(name)") }
    let first = try Files.read(path).map(\.self)
    try WeightFile.write(weights, as: format, to: path)
    #expect(try Files.read(path).map(\.self) == first)

    // Weights stored as float16 are read back as the rounded values.
    try WeightFile.write(weights, as: format, precision: .float16, to: path)
    let coarse = try WeightFile.read(path)
    for (name, value) in weights.entries {
      let found = try #require(coarse[name])
      #expect(relativeError(found.converted(to: .float64), value.converted(to: .float64)) < 1e-3)
      #expect(!isSame(found, value))
    }
  }

  @Test("HDF5 has no bfloat16, and says so before anything is written")
  func noBrainFloat() {
    let path = folder.file("w.h5")
    #expect(throws: FileError.self) {
      try WeightFile.write(NamedTensors([("a", Tensor(1))]), as: .hdf5, precision: .bfloat16, to: path)
    }
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test(
    "weights are read from the graphs of both of PyTorch's exporters: folded, transposed and equal ones",
    arguments: ["exported.onnx", "elsewhere.onnx"])
  func onnx(_ name: String) throws {
    let weights = try WeightFile.read(fixture(name))
    #expect(weights.entries.count == 10)
    let state = try Safetensors.read(fixture("exported.safetensors"))
    for name in [
      "features.2.weight", "features.2.bias", "features.3.bias", "mix.weight", "mix.bias", "fc.weight", "fc.bias",
    ] {
      #expect(isSame(weights[name], state[name]), "\(name)")
    }
    for (name, folded) in [("features.0.0.weight", "folded.weight"), ("features.0.0.bias", "folded.bias")] {
      let (found, expected) = (try #require(weights[name]), try #require(state[folded]))
      #expect(relativeError(found, expected) < 1e-6)
    }
  }

  @Test("external elements are read only from the model's folder, and must exist")
  func elsewhere() throws {
    let model = try Data(contentsOf: URL(fileURLWithPath: fixture("elsewhere.onnx")))
    let elements = try Data(contentsOf: URL(fileURLWithPath: fixture("elsewhere.onnx.data")))
    func message(_ model: Data) throws -> String {
      try model.write(to: URL(fileURLWithPath: folder.file("m.onnx")))
      let error = #expect(throws: FileError.self) { try WeightFile.read(folder.file("m.onnx")) }
      #expect(error?.file == folder.file("m.onnx"))
      return error?.message ?? ""
    }
    let path = folder.file("elsewhere.onnx.data")
    #expect(try message(model).contains("'features.0.0.weight' has its elements in \(path), which cannot be read: no"))
    try elements.dropLast().write(to: URL(fileURLWithPath: path))
    #expect(try message(model).contains("has 432 bytes from byte 0 of 431"))
    for path in ["/elsewhere.onnx.dat", "../sewhere.onnx.dat"] {
      var other = model
      let place = try #require(other.firstRange(of: Data("elsewhere.onnx.data".utf8)))
      other.replaceSubrange(place, with: Data(path.utf8))
      #expect(try message(other).contains("where a file in the model's folder is expected"))
    }
  }

  @Test("a graph is written, and its weights and metadata are read back")
  func graph() throws {
    var random = RandomSource(seed: 2, purpose: "test")
    var model = ONNXModel()
    model.weights = NamedTensors([("a.weight", .normal([2, 3], using: &random)), ("b.bias", .zeros([0]))])
    model.constants = [.init("axes", [2, -3])]
    model.nodes = [.init("Relu", name: "r", inputs: ["x"], outputs: ["y"], attributes: [("alpha", .float(0.5))])]
    model.metadata = ["architecture": "none"]
    try model.write(to: folder.file("m.onnx"))
    let back = try WeightFile.read(folder.file("m.onnx"))
    #expect(back.names == ["a.weight", "b.bias"] && back.metadata == model.metadata)
    #expect(isSame(back["a.weight"], model.weights["a.weight"]))
  }
}
