import Formats
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

@testable import Training

/// Checkpoints written by PyTorch and other programs, from `Fixtures/make_checkpoints.py`.
@Suite("Weights in checkpoints") struct WeightChoiceTests {
  private static let files: NamedTensors = {
    do { return try Safetensors.read(fixture("checkpoints.safetensors")) } catch {
      Issue.record("\(error)")
      return NamedTensors()
    }
  }()

  private static func named(_ outcome: String) -> [String] { files.names.filter { $0.hasPrefix(outcome + " ") } }

  private static func architecture() throws -> Architecture {
    let layers = ["conv 2 size 1", "batch_norm", "relu", "global_average_pool", "linear"]
    return try Architecture(layers: layers.map { try LayerDescription($0) })
  }

  private let folder = ScratchFolder()

  private func bytes(_ name: String) throws -> Data { Data(try #require(Self.files[name]).doubles.map { UInt8($0) }) }

  private func write(_ name: String) throws -> String {
    let path = folder.file("checkpoint")
    try bytes(name).write(to: URL(fileURLWithPath: path))
    return path
  }

  private func expect(_ weights: [(name: String, value: Tensor)], _ group: String, _ comment: Comment) throws {
    let expected = Self.files.entries.filter { $0.name.hasPrefix(group + ".") }
    #expect(weights.count == expected.count, comment)
    for (name, value) in expected {
      let found = weights.first { group + "." + $0.name == name }?.value
      #expect(found?.hasSameElements(as: value) == true, "\(comment): \(name)")
    }
    _ = try Self.architecture().network(classes: 3, seed: nil).loading(weights)
  }

  @Test(
    "a network's weights are found under any prefix, in any dictionary, and beside other tensors",
    arguments: named("same"))
  func found(_ name: String) throws {
    let choice = try WeightChoice(from: write(name), for: Self.architecture())
    try expect(choice.weights, "expected", "\(name)")
    #expect(!FileManager.default.fileExists(atPath: "executed"))
  }

  @Test(
    "without a network, a file with the weights of one network is converted and inspected", arguments: named("same"))
  func converted(_ name: String) throws {
    let path = try write(name)
    #expect(try Inspection.describe(path).contains("1.running_var"))
    // Two dictionaries that differ in values or names cannot be resolved without a network, and neither can a prefix
    // that not all names have.
    if ["same student", "same averages by name", "same momentum", "same encoder"].contains(name) { return }
    if ["same lightning", "same head apart", "same unheard of", "same in it", "same zip of uint16"].contains(name) {
      return
    }
    if ["same wrapped parts", "same Trainer", "same unread"].contains(name) { return }
    try expect(try WeightFile.read(path).entries, "expected", "\(name)")
  }

  @Test(
    "ambiguous, incomplete or unreadable weights are an error",
    arguments: [
      ("differ", "'state_dict', 'state_dict_ema' fit the sequential network equally well and differ; say which, as in"),
      ("flat", "'model', 'model_ema' fit"),
      ("contrast", "'state_dict.module.encoder_q', 'state_dict.module.encoder_k' fit"),
      ("inside", "'the file's own', 'ema' fit"), ("clash", "could be '0.weight'"),
      ("sparse", "tensor '4.weight': made by torch._utils._rebuild_sparse_tensor, which is not read"),
      ("complex", "tensor '4.weight': elements of torch.ComplexFloatStorage"), ("quantized", "_rebuild_qtensor"),
      ("negative", "negatives or conjugates"), ("more", "not part of the network: 2"), ("empty", "no tensors in it"),
      ("evil", "no tensors in it; what it holds is not loaded: a: posix.system"), ("counters", "but counters"),
      ("list", "shadow_params: 5 tensors without names"),
    ])
  func refused(_ name: String, _ problem: String) throws {
    let path = try write("error " + name)
    let error = #expect(throws: (any Error).self) {
      let choice = try WeightChoice(from: path, for: Self.architecture())
      _ = try Self.architecture().network(classes: 3, seed: nil).loading(choice.weights)
    }
    #expect(error.map { "\($0)".contains(problem) } == true, "\(error.map { "\($0)" } ?? "")")
    if let error = error as? FileError { #expect(error.file == path && error.kind == .malformed) }
    #expect(!FileManager.default.fileExists(atPath: "executed"))
  }

  @Test("all error fixtures are tested")
  func allErrors() { #expect(Self.named("error").count == 14) }

  @Test("an entry of a file is chosen by its name after two colons")
  func entries() throws {
    let path = try write("error differ")
    try expect(try WeightChoice(from: path + "::state_dict_ema", for: Self.architecture()).weights, "other", "ema")
    try expect(try WeightChoice(from: path + "::state_dict", for: Self.architecture()).weights, "expected", "own")
    try expect(try WeightFile.read(path + "::state_dict_ema").entries, "other", "without a network")
    #expect(throws: FileError.self) { try WeightFile.read(path) }
    let error = #expect(throws: FileError.self) { try WeightFile.open(path + "::ema") }
    #expect(error?.message == "no tensors below 'ema'; there are 'state_dict' of 8, 'state_dict_ema' of 8")
    let missing = #expect(throws: FileError.self) { try WeightFile.open(folder.file("none") + "::ema") }
    #expect(missing?.kind == .missing)
    // The name of a file may itself contain colons.
    let odd = folder.file("a::b")
    try FileManager.default.copyItem(atPath: write("same network"), toPath: odd)
    try expect(try WeightFile.read(odd).entries, "expected", "colons")
  }

  @Test("the note names the chosen weights and what is left out")
  func notes() throws {
    func note(_ name: String) throws -> String? {
      try WeightChoice(from: write(name), for: Self.architecture()).note?.replacing(folder.path + "/", with: "")
    }
    #expect(try note("same zip with parameters") == nil)
    #expect(try note("same lightning") == "The weights in checkpoint are those below 'state_dict.model'.")
    #expect(try note("same averaged") == "The weights in checkpoint are those below 'module'.")
    #expect(try note("same zip of uint16") == "Left out: mask.")
  }

  @Test("a head elsewhere in the file is used, with a note, if there is only one")
  func headElsewhere() throws {
    let parts = Self.files.entries.filter { $0.name.hasPrefix("expected.") }.map { entry in
      let name = String(entry.name.dropFirst("expected.".count))
      return (name: (name.hasPrefix("4.") ? "head." : "backbone.") + name, value: entry.value)
    }
    func choice(_ others: [(name: String, value: Tensor)]) throws -> WeightChoice {
      let path = folder.file("parts.safetensors")
      try WeightFile.write(NamedTensors(parts + others), as: .safetensors, to: path)
      return try WeightChoice(from: path, for: Self.architecture())
    }
    let one = try choice([])
    try expect(one.weights, "expected", "head")
    #expect(one.note?.contains("The head is head.4.bias, head.4.weight.") == true, "\(one.note ?? "")")
    // If two are possible none is taken, and the network reports what is missing.
    let missing = try choice([(name: "auxiliary.4.weight", value: Tensor.zeros([3, 2]))]).weights
    #expect(!missing.contains { $0.name.hasPrefix("4.") })
    #expect(throws: StateMismatch.self) { try Self.architecture().network(classes: 3, seed: nil).loading(missing) }
  }

  @Test("unknown classes are shown by name")
  func placeholders() throws {
    let text = try Inspection.describe(write("same things"))
    for type in ["functools.partial", "__main__.Color", "__main__.Config", "__main__.Point", "__main__.Slotted"] {
      #expect(text.contains(type), "\(type)")
    }
    #expect(try Inspection.describe(write("same evil")).contains("evil: posix.system"))
    let unread = try Inspection.describe(write("same unread"))
    for type in ["torch.ComplexFloatStorage", "torch._utils._rebuild_qtensor", "float8_e4m3fn", "uint64", "not read"] {
      #expect(unread.contains(type), "\(type)")
    }
  }

  @Test("rare element types are read as in PyTorch")
  func rareTypes() throws {
    let stored = try WeightFile.open(write("same unread"))
    for type in ["uint16", "uint32", "uint64", "int8", "bool", "float8_e4m3fn", "float8_e5m2"] {
      let tensor = try #require(stored.tensors.first { $0.path == "torch." + type })
      #expect(try tensor.read().doubles == [1, 1, 1], "\(type)")
    }
  }

  @Test(
    "damaged checkpoints are read or are errors that name them",
    arguments: [
      "same numpy", "same things", "same plain", "same Trainer", "same TorchScript", "same stream of protocol 1",
      "same stream of protocol 5",
    ])
  func damaged(_ name: String) throws {
    let path = folder.file("damaged")
    var fuzzer = Fuzzer(try bytes(name), seed: 7)
    for _ in 0..<Fuzzer.rounds(300) {
      try fuzzer.next().write(to: URL(fileURLWithPath: path))
      do {
        _ = try Inspection.describe(path)
        _ = try WeightChoice(from: path, for: Self.architecture())
      } catch let error as FileError { #expect(error.file == path) }
    }
    #expect(!FileManager.default.fileExists(atPath: "executed"))
  }

  @Test(
    "checkpoints that were refused in bug reports are read",
    .enabled(if: Shared.exists("cases")),
    arguments: [
      "01/multistep.pth", "02/dtype_set.pth", "02/namespace.pth", "02/numpy_scalar.pth", "03/compiled.pth",
      "03/lightning.ckpt", "04/net.pth", "04/ema.pth", "05/parameters_with_state.pth", "05/uint16.pth",
      "19/constants.onnx", "19/plain.onnx",
    ])
  func cases(_ name: String) throws {
    let expected = try Safetensors.read(Shared.path("cases/plain-scenes.safetensors"))
    let choice = try WeightChoice(from: Shared.path("cases/" + name), for: .plain)
    #expect(choice.weights.count == 27 && expected.entries.count == 27)
    for (name, value) in choice.weights { #expect(expected[name]?.hasSameElements(as: value) == true, "\(name)") }
    _ = try Architecture.plain.network(classes: 8, seed: nil).loading(choice.weights)
  }
}
