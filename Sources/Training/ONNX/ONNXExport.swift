import Formats
import Networks
import Tensors

/// An operation that can be written as ONNX operators. A layer of one's own conforms to be exported; see `Sources/Training/ONNX` for
/// examples.
public protocol ONNXOperation: TracedOperation {
  /// Adds the operation to a graph.
  ///
  /// - Parameters:
  ///   - step: the operation's place in the network: its layer's name, its inputs and its output.
  ///   - graph: takes the nodes.
  func write(_ step: Trace.Step, to graph: inout ONNXGraph)
}

extension ONNXModel {
  /// An operation that has no form in ONNX.
  public struct NoForm: Error, CustomStringConvertible {
    /// The layer, and what it does: the operation's type, or the module's where that uses tensors itself.
    public let layer, operation: String

    public var description: String {
      "layer '\(layer)' has no form in ONNX: what \(operation) does is written as operators only if it is made of known layers and "
        + "of operations handed to the pass, or conforms to ONNXOperation"
    }
  }

  /// A network as a graph for other programs: images [N, 3, H, W], normalized, to logits [N, classes], in float32. Parameters
  /// keep PyTorch's names.
  ///
  /// - Parameters:
  ///   - network: the network.
  ///   - height: rows of the images; left open where nothing in the network depends on it.
  ///   - width: columns of the images, likewise.
  /// - Throws: ``NoForm`` if an operation cannot be written.
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

/// A graph of ONNX's operators that is being written. Values are [N, C, H, W] there, where they are [N, H, W, C] here.
public struct ONNXGraph {
  fileprivate(set) var model: ONNXModel
  /// Whether some operation was written for the one size of image only; whoever writes such a one says so here.
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
  ///   - name: what the layer calls it: `weight`.
  ///   - step: the step.
  /// - Returns: its name in the network: `layer1.0.conv1.weight`.
  public func parameter(_ name: String, of step: Trace.Step) -> String {
    step.name.isEmpty ? name : step.name + "." + name
  }

  /// Adds an operator.
  ///
  /// - Parameters:
  ///   - operation: the operator: `Conv`.
  ///   - step: the step that it is a part of.
  ///   - inputs: the names of its inputs; nil for the step's.
  ///   - isResult: whether its output is the step's.
  ///   - attributes: what it is told besides.
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

  /// Adds a list of whole numbers that an operator takes as an input.
  ///
  /// - Parameters:
  ///   - values: the numbers.
  ///   - what: a word for the name.
  /// - Returns: its name.
  public mutating func constant(_ values: [Int], _ what: String) -> String {
    let name = "constant_\(model.constants.count)_\(what)"
    model.constants.append(.init(name, values))
    return name
  }

  /// Adds a number that an operator takes as an input; all that ask for the same one share it.
  ///
  /// - Parameters:
  ///   - value: the number.
  ///   - what: a word for the name.
  /// - Returns: its name.
  public mutating func number(_ value: Double, _ what: String) -> String {
    // Without a dot, which the names of parameters have.
    tensor("number_\(what)_\(value)".replacing(".", with: "_")) { Tensor(value, .float32) }
  }

  /// Adds a tensor that is no parameter; all that ask for the same name share it.
  ///
  /// - Parameters:
  ///   - name: its name, without a dot.
  ///   - make: makes it if it is not there yet.
  /// - Returns: its name.
  public mutating func tensor(_ name: String, _ make: () -> Tensor) -> String {
    if model.weights[name] == nil { model.weights[name] = make() }
    return name
  }
}
