import Formats
import Networks
import Tensors

extension ONNXModel {
  /// A network as a graph for other programs: images [N, 3, H, W], normalized, to logits [N, classes], in float32. Parameters
  /// keep PyTorch's names.
  ///
  /// - Parameters:
  ///   - height, width: the images' size. It is left open where nothing in the network depends on it.
  public init(_ network: Network, height: Int, width: Int) {
    self.init()
    let network = network.converted(to: .float32)
    let trace = network.trace(height: height, width: width)
    weights = NamedTensors(network.stateDictionary)
    var writer = GraphWriter(model: self)
    for step in trace.steps { writer.add(step) }
    self = writer.model
    func name(_ value: Int) -> String { GraphWriter.name(value) }
    for index in nodes.indices {
      nodes[index].outputs = nodes[index].outputs.map { $0 == name(trace.logits) ? "logits" : $0 }
    }
    let isOpen = !writer.dependsOnSize
    inputs = [
      .init(
        name(0),
        [.open("batch"), .fixed(3), isOpen ? .open("height") : .fixed(height), isOpen ? .open("width") : .fixed(width)])
    ]
    outputs = [.init("logits", [.open("batch"), .fixed(network.classes)])]
  }
}

/// Turns steps into ONNX's operations. Values are [N, C, H, W] there, where they are [N, H, W, C] here.
private struct GraphWriter {
  var model: ONNXModel
  /// Whether some operation was written for the one size of image only.
  private(set) var dependsOnSize = false
  private var counts: [String: Int] = [:]

  init(model: ONNXModel) { self.model = model }

  static func name(_ value: Int) -> String { value == 0 ? "images" : "value_\(value)" }

  /// Adds an operation and gives its output's name.
  @discardableResult
  private mutating func node(
    _ operation: String, _ layer: String, _ inputs: [String], to output: String? = nil,
    _ attributes: [(name: String, value: ONNXModel.Attribute)] = []
  ) -> String {
    let base = (layer.isEmpty ? "" : layer + "/") + operation
    let count = counts[base, default: 0]
    counts[base] = count + 1
    let name = count == 0 ? base : "\(base)_\(count)"
    model.nodes.append(
      .init(operation, name: name, inputs: inputs, outputs: [output ?? name + "_out"], attributes: attributes))
    return output ?? name + "_out"
  }

  private mutating func constant(_ values: [Int], _ what: String) -> String {
    let name = "constant_\(model.constants.count)_\(what)"
    model.constants.append(.init(name, values))
    return name
  }

  private mutating func number(_ value: Double, _ what: String) -> String {
    // Without a dot, which the names of parameters have.
    let name = "number_\(what)_\(value)".replacing(".", with: "_")
    if model.weights[name] == nil { model.weights[name] = Tensor(value, .float32) }
    return name
  }

  mutating func add(_ step: Trace.Step) {
    let (layer, inputs, output) = (step.name, step.inputs.map(Self.name), Self.name(step.output))
    func parameter(_ name: String) -> String { layer.isEmpty ? name : layer + "." + name }
    switch step.operation {
    case .convolution(let geometry, let height, let width, let hasBias):
      let (stride, padding, dilation) = (geometry.stride, geometry.padding, geometry.dilation)
      node(
        "Conv", layer, inputs + [parameter("weight")] + (hasBias ? [parameter("bias")] : []), to: output,
        [
          ("kernel_shape", .integers([height, width])), ("strides", .integers([stride.height, stride.width])),
          ("pads", .integers([padding.height, padding.width, padding.height, padding.width])),
          ("dilations", .integers([dilation.height, dilation.width])), ("group", .integer(geometry.groups)),
        ])
    case .batchNorm(let epsilon):
      node(
        "BatchNormalization", layer,
        inputs + ["weight", "bias", "running_mean", "running_var"].map(parameter), to: output,
        [("epsilon", .float(Float(epsilon)))])
    case .layerNorm(let epsilon):
      let last = onChannelsLast(step, inputs[0])
      let normal = node(
        "LayerNormalization", layer, [last, parameter("weight"), parameter("bias")],
        [("epsilon", .float(Float(epsilon)))])
      onChannelsFirst(step, normal, to: output)
    case .linear where step.shape.count == 2:
      node("Gemm", layer, inputs + [parameter("weight"), parameter("bias")], to: output, [("transB", .integer(1))])
    case .linear:
      let last = onChannelsLast(step, inputs[0])
      let weight = node("Transpose", layer, [parameter("weight")], [("perm", .integers([1, 0]))])
      let sum = node("Add", layer, [node("MatMul", layer, [last, weight]), parameter("bias")])
      onChannelsFirst(step, sum, to: output)
    case .scaleChannels(let name): node("Mul", layer, inputs + [parameter(name)], to: output)
    case .relu: node("Relu", layer, inputs, to: output)
    case .clip(let limit): node("Clip", layer, inputs + [number(0, "limit"), number(limit, "limit")], to: output)
    case .sigmoid: node("Sigmoid", layer, inputs, to: output)
    case .siLU: node("Mul", layer, inputs + [node("Sigmoid", layer, inputs)], to: output)
    case .geLU:
      // x · (1 + erf(x / √2)) / 2
      let scaled = node("Div", layer, [inputs[0], number(2.0.squareRoot(), "gelu")])
      let raised = node("Add", layer, [node("Erf", layer, [scaled]), number(1, "gelu")])
      node("Mul", layer, [node("Mul", layer, [inputs[0], raised]), number(0.5, "gelu")], to: output)
    case .maxPool(let window, let stride, let padding, let coveringEdges):
      node(
        "MaxPool", layer, inputs, to: output,
        [
          ("kernel_shape", .integers([window, window])), ("strides", .integers([stride, stride])),
          ("pads", .integers([padding, padding, padding, padding])), ("ceil_mode", .integer(coveringEdges ? 1 : 0)),
        ])
    case .averagePool(let window): average(layer, inputs, window, window, to: output)
    case .adaptiveAveragePool(let side): adaptiveAverage(step, layer, inputs, side, to: output)
    case .globalAveragePool(let keepsAxes):
      if keepsAxes {
        node("GlobalAveragePool", layer, inputs, to: output)
      } else {
        node("Flatten", layer, [node("GlobalAveragePool", layer, inputs)], to: output, [("axis", .integer(1))])
      }
    case .flatten:
      dependsOnSize = true
      node("Flatten", layer, inputs, to: output, [("axis", .integer(1))])
    case .add: node("Add", layer, inputs, to: output)
    case .multiply: node("Mul", layer, inputs, to: output)
    case .concatenateChannels: node("Concat", layer, inputs, to: output, [("axis", .integer(1))])
    case .subsample(let stride):
      let ends = constant([Int(Int32.max), Int(Int32.max)], "ends")
      let (starts, axes, steps) = (
        constant([0, 0], "starts"), constant([2, 3], "axes"), constant([stride, stride], "steps")
      )
      node("Slice", layer, inputs + [starts, ends, axes, steps], to: output)
    case .padChannels(let before, let after):
      node("Pad", layer, inputs + [constant([0, before, 0, 0, 0, after, 0, 0], "pads")], to: output)
    }
  }

  private mutating func onChannelsLast(_ step: Trace.Step, _ input: String) -> String {
    step.shape.count < 4 ? input : node("Transpose", step.name, [input], [("perm", .integers([0, 2, 3, 1]))])
  }

  private mutating func onChannelsFirst(_ step: Trace.Step, _ value: String, to output: String) {
    if step.shape.count < 4 {
      node("Identity", step.name, [value], to: output)
    } else {
      node("Transpose", step.name, [value], to: output, [("perm", .integers([0, 3, 1, 2]))])
    }
  }

  private mutating func average(_ layer: String, _ inputs: [String], _ height: Int, _ width: Int, to output: String) {
    node(
      "AveragePool", layer, inputs, to: output,
      [("kernel_shape", .integers([height, width])), ("strides", .integers([height, width]))])
  }

  /// Windows of one size where the sizes divide; else a product with the matrix of means on either side.
  private mutating func adaptiveAverage(
    _ step: Trace.Step, _ layer: String, _ inputs: [String], _ side: Int, to output: String
  ) {
    dependsOnSize = true
    let (height, width) = (step.shape[1], step.shape[2])
    if height % side == 0 && width % side == 0 {
      return average(layer, inputs, height / side, width / side, to: output)
    }
    let rows = node("MatMul", layer, [means(from: height, to: side, isTransposed: false), inputs[0]])
    node("MatMul", layer, [rows, means(from: width, to: side, isTransposed: true)], to: output)
  }

  /// The matrix of means over an axis, which all layers share that make one size of another.
  private mutating func means(from size: Int, to side: Int, isTransposed: Bool) -> String {
    let name = "means_\(isTransposed ? "over_columns" : "over_rows")_from_\(size)_to_\(side)"
    if model.weights[name] == nil {
      let identity = (0..<(size * size)).map { $0 / size == $0 % size ? Float(1) : 0 }
      let table = ResamplingTable.adaptiveAverage(from: size, to: side)
      let matrix = Tensor(identity, shape: [size, size]).resampled(axis: 0, table)
      model.weights[name] = isTransposed ? matrix.permuted([1, 0]) : matrix
    }
    return name
  }
}
