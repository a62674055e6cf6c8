import Tensors

/// The operations of a network, in terms that other programs share. Exported graphs are written from it, and facts
/// about a network are read off it.
public struct Trace: Sendable {
  /// One operation.
  public struct Step: Sendable {
    /// The dotted name of the layer, or of the module that performs the operation between its layers.
    public let name: String
    /// The operation. Its parameters are those of the layer, under its name.
    public let operation: any TracedOperation
    /// The inputs, by their value numbers: 0 is the images, others are outputs of earlier steps.
    public let inputs: [Int]
    /// The value number of the output.
    public let output: Int
    /// The shape of the first input, [N, H, W, C] or [N, C].
    public let shape: [Int]
  }

  /// The steps, in the order of execution.
  public internal(set) var steps: [Step] = []
  /// The value number of the logits.
  public internal(set) var logits = 0
  /// The shape of the traced images, [1, H, W, 3].
  public let shape: [Int]
  /// The shape of each value.
  public internal(set) var shapes: [[Int]]
  /// The value number of each layer's activation, by the layer's name; `input` is 0.
  public internal(set) var layers: [String: Int] = ["input": 0]
  /// Whether every operation has a result that is not empty.
  public internal(set) var isPossible = true

  init(shape: [Int]) { (self.shape, shapes) = (shape, [shape]) }
}

extension Network {
  /// Traces the network for an image of this size. Only shapes are computed, except in modules that use tensor
  /// operations directly, which are called with zeros.
  ///
  /// - Parameters:
  ///   - height: the number of rows of the image.
  ///   - width: the number of columns of the image.
  /// - Returns: the trace, without operations that return their input unchanged.
  public func trace(height: Int, width: Int) -> Trace { trace(height: height, width: width, keepsIdentities: false) }

  /// Traces the network. If `keepsIdentities`, operations that change nothing at this size are steps too.
  func trace(height: Int, width: Int, keepsIdentities: Bool) -> Trace {
    let recorder = Recorder([1, height, width, 3], scalarType, keepsIdentities: keepsIdentities)
    var pass = Pass(recorder)
    let logits = root(recorder.images, &pass)
    recorder.trace.logits = recorder.value(logits, in: "", "\(type(of: root))").number
    return recorder.trace
  }
}

/// Records the operations of a traced pass.
final class Recorder {
  var trace: Trace
  let images: Tensor
  private let scalarType: ScalarType
  private let keepsIdentities: Bool
  private var values: [ObjectIdentifier: Int] = [:]
  /// The records are kept so that no two values have the same identity.
  private var records: [Record] = []

  init(_ shape: [Int], _ scalarType: ScalarType, keepsIdentities: Bool) {
    trace = Trace(shape: shape)
    (self.scalarType, self.keepsIdentities) = (scalarType, keepsIdentities)
    images = Tensor.lazyZeros(shape, scalarType).tracked()
    add(images)
  }

  private func add(_ tensor: Tensor) {
    guard let identity = tensor.identity else { return }
    values[identity] = records.count
    records.append(tensor.record)
  }

  /// Whether a tensor is the images or the output of a step.
  func knows(_ tensor: Tensor) -> Bool { tensor.identity.map { values[$0] != nil } ?? false }

  /// The number of a value. A value that no step has computed is recorded as the result of an unknown operation, and
  /// returned as a tracked tensor.
  func value(_ tensor: Tensor, in path: String, _ module: String) -> (number: Int, tensor: Tensor) {
    if let number = tensor.identity.flatMap({ values[$0] }) { return (number, tensor) }
    let tensor = unknown(tensor, from: trace.shapes.count - 1, path, module)
    return (trace.shapes.count - 1, tensor)
  }

  /// Records a value that a module has computed by tensor operations of its own.
  ///
  /// - Returns: the value, tracked.
  func unknown(_ tensor: Tensor, from input: Int, _ path: String, _ module: String) -> Tensor {
    let tensor = tensor.isTracked ? tensor : tensor.tracked()
    let operation = UnknownOperation(module: module, from: trace.shapes[input], to: tensor.shape)
    append(operation, path, [input], tensor)
    return tensor
  }

  /// Records an operation on known values.
  ///
  /// - Returns: zeros of the shape of the result, which stand for it.
  func record(_ operation: any TracedOperation, _ path: String, _ inputs: [Tensor]) -> Tensor {
    if !keepsIdentities, operation.isIdentity(on: inputs[0].shape) { return inputs[0] }
    let numbers = inputs.compactMap { input in input.identity.flatMap { values[$0] } }
    let shape = operation.shape(of: inputs.map(\.shape))
    if shape.contains(where: { $0 < 1 }) { trace.isPossible = false }
    let output = Tensor.lazyZeros(shape.map { max(1, $0) }, scalarType).tracked()
    append(operation, path, numbers, output)
    return output
  }

  private func append(_ operation: any TracedOperation, _ path: String, _ inputs: [Int], _ output: Tensor) {
    let number = records.count
    add(output)
    trace.shapes.append(output.shape)
    trace.steps.append(
      .init(name: path, operation: operation, inputs: inputs, output: number, shape: trace.shapes[inputs[0]]))
  }

  /// Records that a value is a layer's activation.
  func note(_ layer: String, _ tensor: Tensor) {
    if let value = tensor.identity.flatMap({ values[$0] }) { trace.layers[layer] = value }
  }
}
