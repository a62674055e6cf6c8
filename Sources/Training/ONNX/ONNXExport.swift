import Formats
import Networks
import Tensors

/// An operation that can be exported as ONNX operators. A custom layer conforms to it to be exportable; see
/// `Sources/Training/ONNX` for examples.
public protocol ONNXOperation: TracedOperation {
  /// Adds the operation's nodes to a graph.
  ///
  /// - Parameters:
  ///   - step: the traced step: the name of its layer, its inputs and its output.
  ///   - graph: the graph to which nodes are added.
  func write(_ step: Trace.Step, to graph: inout ONNXGraph)
}

extension ONNXModel {
  /// An error about an operation that cannot be exported to ONNX.
  public struct NoForm: Error, CustomStringConvertible {
    /// The name of the layer, and the type of the operation, or of the module if it uses tensors directly.
    public let layer, operation: String

    public var description: String {
      "layer '\(layer)' has no form in ONNX: what \(operation) does is written as operators only if it is made of known layers and "
        + "of operations handed to the pass, or conforms to ONNXOperation"
    }
  }

  /// Exports a network as a graph from normalized images [N, 3, H, W] to logits [N, classes], in float32. Parameters
  /// keep PyTorch's names.
  ///
  /// - Parameters:
  ///   - network: the network.
  ///   - height: the height of the images; the graph leaves it open if nothing in the network depends on it.
  ///   - width: the width of the images, likewise.
  /// - Throws: ``NoForm`` if an operation cannot be exported.
  public init(_ network: Network, height: Int, width: Int) throws(NoForm) {
    self.init()
    let network = network.converted(to: .float32)
    let trace = network.trace(height: height, width: width)
    weights = NamedTensors(network.stateDictionary)
    var graph = ONNXGraph(model: self)
    for step in trace.steps {
      guard let operation = step.operation as? any ONNXOperation else {
        throw NoForm(layer: step.name, operation: step.operation.title)
      }
      operation.write(step, to: &graph)
    }
    self = graph.model
    for index in nodes.indices {
      nodes[index].outputs = nodes[index].outputs.map { $0 == graph.name(trace.logits) ? "logits" : $0 }
    }
    let isOpen = !graph.dependsOnSize
    inputs = [
      .init(
        graph.name(0),
        [.open("batch"), .fixed(3), isOpen ? .open("height") : .fixed(height), isOpen ? .open("width") : .fixed(width)])
    ]
    outputs = [.init("logits", [.open("batch"), .fixed(network.classes)])]
  }
}

/// An ONNX graph under construction. Its values are [N, C, H, W], where metasal's are [N, H, W, C].
public struct ONNXGraph {
  fileprivate(set) var model: ONNXModel
  /// Whether the graph is valid only for one image size; operations whose nodes depend on the size set it to true.
  public var dependsOnSize = false
  private var counts: [String: Int] = [:]

  fileprivate init(model: ONNXModel) { self.model = model }

  /// The name of a value of the trace.
  public func name(_ value: Int) -> String { value == 0 ? "images" : "value_\(value)" }

  /// The names of a step's inputs.
  public func inputs(of step: Trace.Step) -> [String] { step.inputs.map(name) }

  /// The name of a parameter of a step's layer.
  ///
  /// - Parameters:
  ///   - name: the parameter's name in the layer: `weight`.
  ///   - step: the step.
  /// - Returns: the parameter's name in the network: `layer1.0.conv1.weight`.
  public func parameter(_ name: String, of step: Trace.Step) -> String {
    step.name.isEmpty ? name : step.name + "." + name
  }

  /// Adds an operator.
  ///
  /// - Parameters:
  ///   - operation: the type of the operator: `Conv`.
  ///   - step: the traced step that it belongs to.
  ///   - inputs: the names of its inputs; nil for the inputs of the step.
  ///   - isResult: whether its output is the output of the step.
  ///   - attributes: its attributes.
  /// - Returns: the name of its output.
  @discardableResult
  public mutating func node(
    _ operation: String, _ step: Trace.Step, _ inputs: [String]? = nil, isResult: Bool = false,
    _ attributes: [(name: String, value: ONNXModel.Attribute)] = []
  ) -> String {
    let base = (step.name.isEmpty ? "" : step.name + "/") + operation
    let count = counts[base, default: 0]
    counts[base] = count + 1
    let own = count == 0 ? base : "\(base)_\(count)"
    let output = isResult ? name(step.output) : own + "_out"
    model.nodes.append(
      .init(
        operation, name: own, inputs: inputs ?? self.inputs(of: step), outputs: [output], attributes: attributes))
    return output
  }

  /// Adds a list of integers that an operator takes as an input.
  ///
  /// - Parameters:
  ///   - values: the numbers.
  ///   - what: a word that becomes part of the name.
  /// - Returns: the name of the constant.
  public mutating func constant(_ values: [Int], _ what: String) -> String {
    let name = "constant_\(model.constants.count)_\(what)"
    model.constants.append(.init(name, values))
    return name
  }

  /// Adds a number that an operator takes as an input; equal numbers are shared.
  ///
  /// - Parameters:
  ///   - value: the number.
  ///   - what: a word that becomes part of the name.
  /// - Returns: the name of the constant.
  public mutating func number(_ value: Double, _ what: String) -> String {
    // The name has no dot, which would make it look like a parameter.
    tensor("number_\(what)_\(value)".replacing(".", with: "_")) { Tensor(value, .float32) }
  }

  /// Adds a tensor that is not a parameter; tensors of the same name are shared.
  ///
  /// - Parameters:
  ///   - name: its name, without a dot.
  ///   - make: creates the tensor if there is none with this name.
  /// - Returns: the name of the tensor.
  public mutating func tensor(_ name: String, _ make: () -> Tensor) -> String {
    if model.weights[name] == nil { model.weights[name] = make() }
    return name
  }
}
