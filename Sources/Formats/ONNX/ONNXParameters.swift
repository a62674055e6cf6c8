import Foundation
import Tensors

/// Finds the parameters of a graph and their names in PyTorch's state dict. PyTorch's exporters keep most of these
/// names.
///
/// The older exporter (TorchScript) uses numbered names such as `onnx::Conv_123` where it folded a batch norm into a
/// convolution or transposed the weight of a linear layer; the node's name then contains the module
/// (`/layer1/layer1.0/conv1/Conv`). Equal tensors are stored once, with `Identity` nodes for their other names.
///
/// The newer exporter (dynamo) names the bias of a folded batch norm `conv1.weight_bias` and transposed weights
/// `val_4`, and uses one name for equal tensors; the metadata of each node lists the modules that contain it.
///
/// Graph optimizers turn tensors into `Constant` nodes, and insert casts, transpositions or quantization between a
/// tensor and the node that uses it.
struct ONNXParameters {
  private let path: String
  /// All tensors that nodes may use, by their names in the graph, and these names in order.
  private var tensors: [String: StoredTensor] = [:]
  private var order: [String] = []
  /// The parameters by their PyTorch names, and these names in the order in which they were found. Names in `refuted`
  /// turned out later not to be parameters.
  private var parameters: [String: StoredTensor] = [:]
  private var found: [String] = []
  private var refuted: Set<String> = []
  /// For each derived tensor the name of the tensor from which it was computed.
  private var origins: [String: String] = [:]

  init(_ path: String) { self.path = path }

  /// The parameters. If no name looks like PyTorch's, all tensors of floating-point numbers with at least one axis, by
  /// their names in the graph.
  var named: [StoredTensor] {
    let own = found.filter { !refuted.contains($0) }.compactMap { renamed(parameters[$0], $0) }
    if own.contains(where: { Self.isParameter($0.name) }) { return own }
    return order.filter { origins[$0] == nil && !refuted.contains($0) }.compactMap { renamed(tensors[$0], $0) }
      .filter { $0.shape?.isEmpty == false }
  }

  private func renamed(_ tensor: StoredTensor?, _ name: String) -> StoredTensor? {
    tensor.map { $0.at("", name) }
  }

  /// Adds a tensor that the graph stores.
  mutating func add(_ tensor: StoredTensor) { add(tensor.name, tensor) }

  private mutating func add(_ name: String, _ value: StoredTensor) {
    if tensors.updateValue(value, forKey: name) == nil { order.append(name) }
    if Self.isParameter(name) { set(name, value) }
  }

  private mutating func set(_ name: String, _ value: StoredTensor) {
    if parameters.updateValue(value, forKey: name) == nil { found.append(name) }
  }

  private static func isParameter(_ name: String) -> Bool {
    name.contains(".") && !name.contains("::") && !name.hasPrefix("/")
  }

  /// Whether a name ends like a parameter of PyTorch's own layers.
  private static func isUsual(_ name: String) -> Bool {
    [".weight", ".bias", ".running_mean", ".running_var"].contains { name.hasSuffix($0) }
  }

  /// Processes a node in encoded form: adds the tensors that it computes, and uses it to name its inputs.
  mutating func take(_ node: Data, _ elsewhere: inout ExternalElements) throws {
    let node = try ONNXOperation(node)
    switch node.kind {
    case "Constant":
      if let output = node.outputs.first, let value = try node.constant(path, &elsewhere) { add(output, value) }
    case "Identity": derive(node) { $0 }
    case "Cast":
      guard let type = try node.integers("to").first.flatMap(ONNXElement.type) else { return }
      derive(node) { $0.rounded(to: type) }
    case "Transpose":
      let axes = try node.integers("perm")
      derive(node, shape: { shape in axes.count == shape.count ? axes.map { shape[$0] } : shape.reversed() }) {
        $0.permuted(axes.isEmpty ? Array((0..<$0.rank).reversed()) : axes)
      }
    case "DequantizeLinear": quantized(node, 0, scales: [1, 2])
    case "ConvInteger", "MatMulInteger", "MatMulNBits": quantized(node, 1, scales: [2, 3])
    case "QLinearConv", "QLinearMatMul", "QGemm": quantized(node, 3, scales: [1, 2, 4, 5, 6, 7])
    default: try nameInputs(of: node)
    }
  }

  // MARK: Tensors made of others

  private mutating func derive(
    _ node: ONNXOperation, shape: ([Int]) -> [Int] = { $0 }, _ change: @escaping (Tensor) throws -> Tensor
  ) {
    guard let input = node.inputs.first, let output = node.outputs.first, let value = tensors[input] else { return }
    // The result stays unknown if the permutation does not fit the axes.
    if node.kind == "Transpose", let own = value.shape, let axes = try? node.integers("perm"), !axes.isEmpty,
      axes.sorted() != Array(own.indices)
    {
      return
    }
    let made = StoredTensor(
      name: output, shape: value.shape.map(shape), type: value.type, isReadable: value.isReadable
    ) { try change(try value.read()) }
    let origin = origins[input] ?? input
    // `Identity` gives a parameter a second name, so both names count. After any other change only one of the two
    // tensors is the parameter: the one whose name looks like a parameter's.
    let isNamed = node.kind == "Identity" || Self.isUsual(output) || !Self.isParameter(origin)
    if Self.isParameter(output) && isNamed { set(output, made) }
    if Self.isUsual(output) && !Self.isUsual(origin) { refuted.insert(origin) }
    if tensors.updateValue(made, forKey: output) == nil { order.append(output) }
    origins[output] = origin
  }

  /// Handles a quantized tensor: neither the integers nor their scales are parameters, and the parameter itself cannot
  /// be read.
  private mutating func quantized(_ node: ONNXOperation, _ index: Int, scales: [Int]) {
    guard node.inputs.count > index, let value = tensors[node.inputs[index]] else { return }
    let input = node.inputs[index]
    let name = input.hasSuffix("_quantized") ? String(input.dropLast("_quantized".count)) : input
    let reason = "is quantized (\(node.kind)), which is not read; convert the model to floating-point numbers first"
    let made = ONNXTensor.unreadable(name, value.shape, path, reason)
    for other in [input] + scales.filter(node.inputs.indices.contains).map({ node.inputs[$0] }) where other != name {
      refuted.insert(other)
    }
    let isOutput = node.kind == "DequantizeLinear" && node.outputs.first.map(Self.isUsual) ?? false
    if let output = node.outputs.first, node.kind == "DequantizeLinear" {
      tensors[output] = made
      origins[output] = name
      if isOutput { set(output, made) }
    }
    if isOutput { refuted.insert(name) } else { set(name, made) }
  }

  // MARK: Names

  private mutating func nameInputs(of node: ONNXOperation) throws {
    guard node.inputs.count > 1 else { return }
    let weight = node.inputs[1]
    let origin = origins[weight] ?? weight
    switch node.kind {
    case "Conv", "Gemm":
      if Self.isParameter(origin), origin.hasSuffix(".weight") {
        guard node.inputs.count > 2 else { return }
        if node.inputs[2] == origin + "_bias" { refuted.insert(node.inputs[2]) }
        name(node.inputs[2], origin.dropLast("weight".count) + "bias")
      } else if let module = node.module {
        let isTransposed = try node.kind == "Gemm" && node.integers("transB") != [1]
        name(weight, module + ".weight", isTransposed: isTransposed)
        if node.inputs.count > 2 { name(node.inputs[2], module + ".bias") }
      } else {
        for input in node.inputs.dropFirst() { name(input, input) }
      }
    case "MatMul":
      guard !Self.isParameter(origin), let module = node.module, tensors[weight]?.shape?.count == 2 else { return }
      name(weight, module + ".weight", isTransposed: true)
    case "Add":
      guard node.isLinear, let module = node.module else { return }
      name(weight, module + ".bias")
    case "BatchNormalization", "LayerNormalization":
      guard !node.modules.isEmpty, let module = node.module else { return }
      for (input, part) in zip(node.inputs.dropFirst(), ["weight", "bias", "running_mean", "running_var"]) {
        name(input, module + "." + part)
      }
    default: break
    }
  }

  /// Gives a tensor this PyTorch name, unless another tensor has it.
  private mutating func name(_ tensor: String, _ name: String, isTransposed: Bool = false) {
    guard parameters[name] == nil, let value = tensors[tensor] else { return }
    guard isTransposed, value.shape?.count == 2 else { return set(name, value) }
    let shape = value.shape.map { Array($0.reversed()) }
    let made = StoredTensor(name: name, shape: shape, type: value.type, isReadable: value.isReadable) {
      try value.read().permuted([1, 0])
    }
    set(name, made)
  }
}

extension Tensor {
  /// Rounds the elements to another type, as `Cast` does.
  fileprivate func rounded(to type: ElementType) -> Tensor {
    switch type {
    case .float32, .float64: return converted(to: type.scalarType)
    case .float16, .bfloat16:
      let positions = StridedPositions(contiguous: shape)
      return type.tensor(type.data(self), at: 0, shape: shape, positions: positions)
    default: return self
    }
  }
}
