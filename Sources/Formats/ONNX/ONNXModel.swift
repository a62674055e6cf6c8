import Foundation
import Tensors

/// An ONNX model: a graph of operations on named values (github.com/onnx/onnx, onnx.proto, IR version 8, operator set 17).
public struct ONNXModel: Sendable {
  /// The version of the operator set that is written.
  public static let operatorSet = 17

  /// One operation.
  public struct Node: Sendable {
    /// The type of the operation: `Conv`, `Relu`, ….
    public var operation: String
    /// The name of the node, unique in the graph.
    public var name: String
    /// The names of its input and output values, in ONNX's order.
    public var inputs, outputs: [String]
    /// The attributes, by ONNX's names.
    public var attributes: [(name: String, value: Attribute)]

    /// A node with the given inputs, outputs and attributes.
    public init(
      _ operation: String, name: String, inputs: [String], outputs: [String],
      attributes: [(name: String, value: Attribute)] = []
    ) {
      (self.operation, self.name, self.inputs, self.outputs) = (operation, name, inputs, outputs)
      self.attributes = attributes
    }
  }

  /// The value of an attribute.
  public enum Attribute: Sendable {
    /// An integer, a list of integers, or a floating-point number.
    case integer(Int), integers([Int]), float(Float)
  }

  /// A constant list of integers that nodes use as an input.
  public struct Constant: Sendable {
    /// The name of the value.
    public var name: String
    /// The integers, stored as a tensor with one axis.
    public var values: [Int]
    /// A constant with this name and these integers.
    public init(_ name: String, _ values: [Int]) { (self.name, self.values) = (name, values) }
  }

  /// The size of an axis, fixed or symbolic.
  public enum Size: Sendable {
    /// A fixed size, or the name of a size that may differ in every run, such as the batch size.
    case fixed(Int), open(String)
  }

  /// An input or output of the graph, of type float32.
  public struct Port: Sendable {
    /// The name of the value.
    public var name: String
    /// Its sizes, one per axis.
    public var shape: [Size]
    /// An input or output with this name and shape.
    public init(_ name: String, _ shape: [Size]) { (self.name, self.shape) = (name, shape) }
  }

  /// The nodes in topological order.
  public var nodes: [Node] = []
  /// The parameters, by their names in PyTorch's state dict.
  public var weights = NamedTensors()
  /// The constant integers that nodes use as inputs.
  public var constants: [Constant] = []
  /// The inputs of the graph.
  public var inputs: [Port] = []
  /// The outputs of the graph.
  public var outputs: [Port] = []
  /// The text metadata of the file.
  public var metadata: [String: String] = [:]

  /// An empty graph.
  public init() {}

  /// Writes the model to a file; see `Files.write`.
  public func write(to path: String) throws { try Files.write(encoded, to: path) }

  /// The first bytes of every model that metasal writes, by which it recognizes its own files.
  static var head: Data { begun.data }

  private static var begun: ProtobufWriter {
    var model = ProtobufWriter()
    model.integer(1, 8)
    model.text(2, Ownership.name)
    return model
  }

  private var encoded: Data {
    var model = Self.begun
    model.message(7) { graph in
      for node in nodes { graph.message(1) { node.encode(into: &$0) } }
      graph.text(2, "network")
      for (name, value) in weights.entries {
        graph.message(5) { tensor in
          for size in value.shape { tensor.integer(1, size) }
          tensor.integer(2, ONNXElement.code(value.scalarType))
          tensor.text(8, name)
          tensor.bytes(9, value.withUnsafeBytes { Data($0) })
        }
      }
      for constant in constants {
        graph.message(5) { tensor in
          tensor.integer(1, constant.values.count)
          tensor.integer(2, 7)
          tensor.text(8, constant.name)
          tensor.bytes(9, Data(constant.values.flatMap { withUnsafeBytes(of: Int64($0).littleEndian) { Array($0) } }))
        }
      }
      for port in inputs { graph.message(11) { port.encode(into: &$0) } }
      for port in outputs { graph.message(12) { port.encode(into: &$0) } }
    }
    model.message(8) { set in
      set.text(1, "")
      set.integer(2, Self.operatorSet)
    }
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      model.message(14) { entry in
        entry.text(1, key)
        entry.text(2, value)
      }
    }
    return model.data
  }
}

extension ONNXModel.Node {
  fileprivate func encode(into node: inout ProtobufWriter) {
    for input in inputs { node.text(1, input) }
    for output in outputs { node.text(2, output) }
    node.text(3, name)
    node.text(4, operation)
    for (name, value) in attributes {
      node.message(5) { attribute in
        attribute.text(1, name)
        switch value {
        case .float(let number):
          attribute.float(2, number)
          attribute.integer(20, 1)
        case .integer(let number):
          attribute.integer(3, number)
          attribute.integer(20, 2)
        case .integers(let numbers):
          for number in numbers { attribute.integer(8, number) }
          attribute.integer(20, 7)
        }
      }
    }
  }
}

extension ONNXModel.Port {
  fileprivate func encode(into port: inout ProtobufWriter) {
    port.text(1, name)
    port.message(2) { type in
      type.message(1) { tensor in
        tensor.integer(1, 1)
        tensor.message(2) { sizes in
          for size in shape {
            sizes.message(1) { dimension in
              switch size {
              case .fixed(let number): dimension.integer(1, number)
              case .open(let name): dimension.text(2, name)
              }
            }
          }
        }
      }
    }
  }
}
