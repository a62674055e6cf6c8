import Foundation
import Formats
import Networks
import Tensors
import TestSupport
import Testing

@testable import Training

/// Executes exported graphs node by node according to ONNX's definitions, on values [N, C, H, W].
struct GraphRunner {
  let model: ONNXModel
  var values: [String: Tensor] = [:]

  private func attribute(_ node: ONNXModel.Node, _ name: String) -> [Int] {
    for case (name, let value) in node.attributes {
      switch value {
      case .integer(let number): return [number]
      case .integers(let numbers): return numbers
      case .float: return []
      }
    }
    return []
  }

  private func epsilon(_ node: ONNXModel.Node) -> Double {
    for case ("epsilon", .float(let value)) in node.attributes { return Double(value) }
    return .nan
  }

  mutating func run(_ images: Tensor) throws -> Tensor {
    values["images"] = images
    for (name, value) in model.weights.entries { values[name] = value }
    for node in model.nodes { values[node.outputs[0]] = try result(node) }
    return try #require(values["logits"])
  }

  private func result(_ node: ONNXModel.Node) throws -> Tensor {
    let inputs = node.inputs.compactMap { values[$0] }
    let constants = node.inputs.compactMap { name in model.constants.first { $0.name == name }?.values }
    #expect(inputs.count + constants.count == node.inputs.count, "\(node.name): an input that does not exist")
    let x = inputs[0]
    func last(_ x: Tensor) -> Tensor { x.permuted([0, 2, 3, 1]) }
    func first(_ x: Tensor) -> Tensor { x.permuted([0, 3, 1, 2]) }
    func channels(_ v: Tensor) -> Tensor { v.reshaped([v.count, 1, 1]) }
    switch node.operation {
    case "Conv":
      let (pads, strides) = (attribute(node, "pads"), attribute(node, "strides"))
      #expect(pads[0] == pads[2] && pads[1] == pads[3] && attribute(node, "dilations") == [1, 1])
      let geometry = ConvolutionGeometry(
        stride: .init(strides[0], strides[1]), padding: .init(pads[0], pads[1]), groups: attribute(node, "group")[0])
      let y = first(last(x).convolved(with: inputs[1].permuted([2, 3, 1, 0]), geometry))
      return inputs.count > 2 ? y + channels(inputs[2]) : y
    case "BatchNormalization":
      let rate = channels((inputs[4] + epsilon(node)).sqrt.reciprocalOrZero)
      return (x - channels(inputs[3])) * rate * channels(inputs[1]) + channels(inputs[2])
    case "LayerNormalization":
      let kept = Array(x.shape.dropLast()) + [1]
      let centred = x - x.mean([x.rank - 1]).reshaped(kept)
      let variance = centred.squared.mean([x.rank - 1]).reshaped(kept)
      return centred * (variance + epsilon(node)).sqrt.reciprocalOrZero * inputs[1] + inputs[2]
    case "Gemm": return Tensor.product(x, transposed: false, inputs[1], transposed: true) + inputs[2]
    case "MatMul":
      if x.rank == 4 {
        let rows = Tensor.product(x.reshaped([-1, x.shape[3]]), inputs[1])
        return rows.reshaped(x.shape.dropLast() + [inputs[1].shape[1]])
      }
      // Multiplies each matrix of a batch from the left.
      let y = inputs[1].permuted([0, 1, 3, 2])
      let rows = Tensor.product(y.reshaped([-1, y.shape[3]]), transposed: false, x, transposed: true)
      return rows.reshaped(y.shape.dropLast() + [x.shape[0]]).permuted([0, 1, 3, 2])
    case "Relu": return x.relu
    case "Clip": return x.relu.limited(to: inputs[2].item)
    case "Sigmoid": return x.sigmoid
    case "Erf": return x.erf
    case "Add": return x + inputs[1]
    case "Mul": return x * inputs[1]
    case "Div": return x / inputs[1]
    case "Identity": return x
    case "Transpose": return x.permuted(attribute(node, "perm"))
    case "Concat": return .concatenated(inputs, axis: attribute(node, "axis")[0])
    case "Flatten": return x.reshaped([x.shape[0], -1])
    case "GlobalAveragePool": return x.mean([2, 3]).reshaped([x.shape[0], x.shape[1], 1, 1])
    case "MaxPool":
      let window = attribute(node, "kernel_shape")[0]
      return first(
        last(x).maxPooled(
          window: window, stride: attribute(node, "strides")[0], padding: attribute(node, "pads")[0],
          coveringEdges: attribute(node, "ceil_mode") == [1]))
    case "AveragePool":
      let (window, stride) = (attribute(node, "kernel_shape"), attribute(node, "strides"))
      #expect(window == stride)
      return last(x).resampled(axis: 1, .average(over: x.shape[2], window: window[0], stride: stride[0], padding: 0))
        .resampled(axis: 2, .average(over: x.shape[3], window: window[1], stride: stride[1], padding: 0))
        .permuted([0, 3, 1, 2])
    case "Slice":
      #expect(constants[0] == [0, 0] && constants[2] == [2, 3])
      let step = constants[3][0]
      return x.sliced(axis: 2, from: 0, length: (x.shape[2] + step - 1) / step, step: step)
        .sliced(axis: 3, from: 0, length: (x.shape[3] + step - 1) / step, step: step)
    case "Pad": return x.padded(axis: 1, before: constants[0][1], after: constants[0][5])
    default:
      Issue.record("\(node.operation) is no operator that is known here")
      return x
    }
  }
}

@Suite("Networks as ONNX graphs", .serialized) struct ONNXTests {
  /// All architectures except larger ones with the same layers as others.
  static let architectures = Architecture.zoo.filter {
    ![
      .vgg13, .vgg16, .vgg19, .vgg13_bn, .vgg16_bn, .vgg19_bn, .resnet34, .resnet101, .resnet152, .wide_resnet50_2,
      .resnet32, .resnet44, .resnet56,
    ].contains($0)
  }

  @Test(
    "the graph computes the network's logits and contains its weights, for every kind of architecture",
    arguments: architectures)
  func graphs(_ architecture: Architecture) throws {
    // At 96 pixels the input of the adaptive pooling in VGG and AlexNet is no multiple of its output.
    let side = architecture.usualSide == 32 ? 32 : 96
    var network = architecture.network(classes: 3, seed: 4)
    var random = RandomSource(seed: 5, purpose: "test")
    network = try network.loading(
      network.stateDictionary.map { name, value in
        // Random values replace the initial values near 0 or 1, which would hide mistakes.
        if value.rank == 1 { return (name, .uniform(value.shape, from: 0.5, to: 1.5, using: &random)) }
        return (name, name.hasSuffix("layer_scale") ? value * 3e5 : value)
      })
    let images = Tensor.normal([2, side, side, 3], using: &random)
    let model = try ONNXModel(network, height: side, width: side)
    #expect(model.weights.names.filter { $0.contains(".") } == network.stateDictionary.map(\.name))
    #expect(Set(model.nodes.map(\.name)).count == model.nodes.count)
    var runner = GraphRunner(model: model)
    let logits = try runner.run(images.permuted([0, 3, 1, 2]))
    #expect(relativeError(logits, network(images).logits) < 1e-4)
  }

  @Test(
    "adaptive pooling with sizes that do not divide, repeatedly, and to larger sizes, gives the network's logits",
    arguments: [
      (["adaptive_average_pool 7", "relu", "adaptive_average_pool 5", "flatten"], 16),
      (["adaptive_average_pool 5", "relu", "adaptive_average_pool 3", "adaptive_average_pool 2", "flatten"], 16),
      (["adaptive_average_pool 9", "adaptive_average_pool 4", "adaptive_average_pool 9", "flatten"], 6),
      (["adaptive_average_pool 24", "adaptive_average_pool 5", "flatten"], 16),
    ])
  func adaptivePools(_ pools: [String], _ side: Int) throws {
    let layers = ["conv 4 size 3", "relu"] + pools + ["linear"]
    let architecture = try Architecture(layers: layers.map { try LayerDescription($0) })
    let network = architecture.network(classes: 3, seed: 4)
    var random = RandomSource(seed: 5, purpose: "test")
    for (height, width) in [(side, side), (side + 1, side + 3)] {
      let images = Tensor.normal([2, height, width, 3], using: &random)
      var runner = GraphRunner(model: try ONNXModel(network, height: height, width: width))
      let logits = try runner.run(images.permuted([0, 3, 1, 2]))
      #expect(relativeError(logits, network(images).logits) < 1e-5)
    }
  }

  @Test("a network is restored from a graph's weights bit for bit, and from folded ones up to rounding")
  func back() throws {
    let folder = ScratchFolder()
    let network = Architecture.resnet20.network(classes: 3, seed: 4)
    var random = RandomSource(seed: 6, purpose: "test")
    _ = try Export.write(network, as: .onnx, to: folder.file("n.onnx"))
    let weights = try WeightFile.read(folder.file("n.onnx")).entries
    let same = try Architecture.resnet20.network(classes: 3, seed: nil).loading(weights)
    for (one, other) in zip(network.stateDictionary, same.stateDictionary) {
      #expect(one.name == other.name && one.value.floats == other.value.floats)
    }
    let folded =
      weights.filter { !$0.name.contains("bn") }
      + [("conv1.bias", Tensor.zeros([16]))]
      + weights.filter { $0.name.contains("bn") && $0.name.hasSuffix(".bias") && $0.name != "bn1.bias" }.map {
        ($0.name.replacing("bn", with: "conv"), $0.value)
      }
    let images = Tensor.normal([2, 32, 32, 3], using: &random)
    let unfolded = try Architecture.resnet20.network(classes: 3, seed: nil).loading(folded)
    #expect(relativeError(unfolded(images).logits, network(images).logits) < 1e-4)
  }

  @Test("weights for other classes are used except for the head, and other mismatches are refused")
  func heads() throws {
    let weights = Architecture.resnet20.network(classes: 10, seed: 1).stateDictionary
    let drawn = Architecture.resnet20.network(classes: 4, seed: 2)
    let (network, classes) = try #require(drawn.loadingBackbone(weights))
    #expect(classes == 10 && network.classes == 4 && drawn.head == "linear")
    for (index, entry) in network.stateDictionary.enumerated() {
      let source = entry.name.hasPrefix("linear.") ? drawn.stateDictionary : weights
      #expect(entry.value.floats == source[index].value.floats, "\(entry.name)")
    }
    #expect(drawn.loadingBackbone(Architecture.resnet32.network(classes: 10, seed: 1).stateDictionary) == nil)
    #expect(drawn.loadingBackbone(drawn.stateDictionary) == nil)
  }

  @Test("the mean of several files is the mean of their tensors; other names or shapes are an error")
  func averages() throws {
    let folder = ScratchFolder()
    for (index, value) in [1.0, 2, 6].enumerated() {
      try WeightFile.write(
        NamedTensors([("a.b", Tensor(repeating: value, shape: [2]))]), as: .safetensors,
        to: folder.file("\(index).safetensors"))
    }
    let files = (0..<3).map { folder.file("\($0).safetensors") }
    #expect(try Export.average(files)["a.b"]?.doubles == [3, 3])
    try WeightFile.write(
      NamedTensors([("a.b", Tensor(repeating: 1, shape: [3]))]), as: .safetensors, to: folder.file("3.safetensors"))
    #expect(throws: FileError.self) { try Export.average(files + [folder.file("3.safetensors")]) }
  }
}
