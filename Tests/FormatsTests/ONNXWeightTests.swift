import Foundation
import Tensors
import TestSupport
import Testing

@testable import Formats

/// Graphs as graph optimizers leave them, from `Fixtures/make_graphs.py`.
@Suite("Weights in ONNX graphs") struct ONNXWeightTests {
  private static let files: NamedTensors = {
    do { return try Safetensors.read(fixture("graphs.safetensors")) } catch {
      Issue.record("\(error)")
      return NamedTensors()
    }
  }()

  private let folder = ScratchFolder()

  private func write(_ name: String) throws -> String {
    let path = folder.file("graph.onnx")
    try Data(try #require(Self.files[name]).doubles.map { UInt8($0) }).write(to: URL(fileURLWithPath: path))
    return path
  }

  @Test(
    "weights are found in initializers and constants, and behind identities, casts and transpositions",
    arguments: files.names.filter { $0.hasPrefix("same ") })
  func same(_ name: String) throws {
    let expected = Self.files.entries.filter { $0.name.hasPrefix("expected.") }
    let stored = try WeightFile.open(write(name))
    let found = stored.tensors.filter { !$0.name.hasPrefix("other.") && $0.isReadable }
    #expect(found.count == expected.count, "\(found.map(\.name))")
    for (name, value) in expected {
      let tensor = found.first { "expected." + $0.name == name }
      #expect(try tensor?.read().doubles == value.doubles, "\(name)")
      #expect(tensor?.shape == value.shape, "\(name)")
    }
  }

  @Test(
    "a weight that cannot be read is an error, and is never left out silently",
    arguments: [
      ("quantized", "'features.0.weight' is quantized (DequantizeLinear)"),
      ("quantized convolution", "'other.weight' is quantized (QLinearConv)"), ("empty", "no tensors in it"),
      ("outside", "'fc.weight' has an element outside of [2, 2]"), ("huge", "sparse tensor"),
      ("uint4", "'fc.weight' has elements of the kind 21"),
    ])
  func errors(_ name: String, _ problem: String) throws {
    let path = try write("error " + name)
    let error = #expect(throws: FileError.self) { try WeightFile.read(path) }
    #expect(error?.file == path && error?.message.contains(problem) == true, "\(error?.message ?? "")")
  }

  @Test("a graph without PyTorch's names gives its tensors by its own names")
  func nameless() throws { #expect(try WeightFile.read(write("nameless")).names == ["w0", "w1", "w2", "w3"]) }

  @Test("reading many folded biases takes linear time")
  func manyBiases() throws {
    var model = ONNXModel()
    let count = 5000
    for index in 0..<count {
      model.weights["c\(index).weight"] = Tensor.zeros([1, 1, 1, 1])
      model.weights["c\(index).weight_bias"] = Tensor.zeros([1])
      model.nodes.append(
        .init("Conv", name: "", inputs: ["x", "c\(index).weight", "c\(index).weight_bias"], outputs: ["y\(index)"]))
    }
    try model.write(to: folder.file("many.onnx"))
    let names = try WeightFile.read(folder.file("many.onnx")).names
    #expect(names.count == 2 * count && names.contains("c7.bias") && !names.contains("c7.weight_bias"))
  }

  @Test("a file without tensors is an error in every format")
  func empty() throws {
    var header = withUnsafeBytes(of: UInt64(2).littleEndian) { Data($0) }
    header += Data("{}".utf8)
    try header.write(to: URL(fileURLWithPath: folder.file("none.safetensors")))
    try HDF5File.write(HDF5Contents(), to: folder.file("none.h5"))
    try ONNXModel().write(to: folder.file("none.onnx"))
    try PickleStream(views: [], of: 0).file().write(to: URL(fileURLWithPath: folder.file("none.th")))
    for name in ["none.safetensors", "none.h5", "none.onnx", "none.th"] {
      let error = #expect(throws: FileError.self, "\(name)") { try WeightFile.open(folder.file(name)) }
      #expect(error?.kind == .malformed && error?.message.contains("no tensors") == true, "\(name)")
    }
  }
}
