import Foundation
import Tensors

/// The tensors of a graph by their names in PyTorch's state dict, which PyTorch's exporters keep but for some.
///
/// The older one names tensors by number (`onnx::Conv_123`) where it folded a batch norm into a convolution or transposed a
/// linear layer's weights; the operation is then called after the module (`/layer1/layer1.0/conv1/Conv`). Tensors that are equal
/// stand in the file once, with operations that give them their other names.
///
/// The newer one calls the bias that a folded batch norm leaves `conv1.weight_bias`, transposed weights `val_4`, and equal
/// tensors all by one name; beside each operation stand the modules that it is in.
struct ONNXParameters {
  /// The parameters, in the order in which they were found.
  private(set) var named = NamedTensors()
  private var tensors: [String: Tensor] = [:]

  /// Adds a tensor of the graph.
  mutating func add(_ name: String, _ value: Tensor) {
    tensors[name] = value
    if Self.isParameter(name) { named[name] = value }
  }

  private static func isParameter(_ name: String) -> Bool { name.contains(".") && !name.contains("::") }

  /// Takes the names that an operation, as the file has it, gives to tensors.
  mutating func take(_ node: Data) throws { give(try Operation(node)) }

  private mutating func give(_ node: Operation) {
    switch node.kind {
    case "Identity":
      guard let input = node.inputs.first, let output = node.outputs.first, let value = tensors[input] else { return }
      add(output, value)
    case "Conv", "Gemm":
      guard node.inputs.count > 1 else { return }
      let weight = node.inputs[1]
      if Self.isParameter(weight), weight.hasSuffix(".weight") {
        guard node.inputs.count > 2 else { return }
        if node.inputs[2] == weight + "_bias" { named[node.inputs[2]] = nil }
        name(node.inputs[2], weight.dropLast("weight".count) + "bias")
      } else if node.kind == "Conv", let module = node.module {
        for (input, part) in zip(node.inputs.dropFirst(), ["weight", "bias"]) { name(input, module + "." + part) }
      }
    case "MatMul":
      guard node.inputs.count > 1, !Self.isParameter(node.inputs[1]), let module = node.module,
        let value = tensors[node.inputs[1]], value.rank == 2
      else { return }
      named[module + ".weight"] = value.permuted([1, 0])
    case "Add":
      guard node.isLinear, node.inputs.count > 1, let module = node.module else { return }
      name(node.inputs[1], module + ".bias")
    case "BatchNormalization", "LayerNormalization":
      guard !node.modules.isEmpty, let module = node.module else { return }
      for (input, part) in zip(node.inputs.dropFirst(), ["weight", "bias", "running_mean", "running_var"]) {
        name(input, module + "." + part)
      }
    default: break
    }
  }

  /// Gives a tensor that name, unless another has it.
  private mutating func name(_ tensor: String, _ name: String) {
    guard named[name] == nil, let value = tensors[tensor] else { return }
    named[name] = value
  }

  /// An operation, as far as it tells names.
  private struct Operation {
    var kind = ""
    var inputs: [String] = []
    var outputs: [String] = []
    private var name = ""
    /// What it is in, from the outermost module, which has no name, to PyTorch's own name for the operation.
    private(set) var modules: [String] = []

    init(_ node: Data) throws {
      for case (let field, .bytes(let bytes)) in try ProtobufReader.fields(node) {
        let text = String(decoding: bytes, as: UTF8.self)
        switch field {
        case 1: inputs.append(text)
        case 2: outputs.append(text)
        case 3: name = text
        case 4: kind = text
        case 9:
          let entry = try ProtobufReader.pair(bytes)
          guard entry.key == "pkg.torch.onnx.name_scopes" else { continue }
          // A list as Python writes it: what stands between quotes, and between those the commas.
          modules = entry.value.split(separator: "'", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
        default: break
        }
      }
    }

    /// Whether it is part of a linear layer.
    var isLinear: Bool { modules.last?.hasPrefix("linear") ?? false }

    /// The module that it belongs to.
    var module: String? {
      if let module = modules.dropLast().last { return module.isEmpty ? nil : module }
      // A part that begins with the one before it (`layer1`, `layer1.0`) says the same and more.
      var parts: [Substring] = []
      for part in name.split(separator: "/").dropLast() {
        if let last = parts.last, part.hasPrefix(last + ".") { parts.removeLast() }
        parts.append(part)
      }
      return parts.isEmpty ? nil : parts.joined(separator: ".")
    }
  }
}
