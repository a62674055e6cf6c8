import Tensors

/// What a network does, operation by operation, in terms that other programs share: what an exported graph is written from, and
/// what facts about a network are read off.
public struct Trace: Sendable {
  /// One operation.
  public struct Step: Sendable {
    /// The dotted name of the layer, or of the module that does it among its layers.
    public let name: String
    /// What is done. Its parameters are the layer's, under its name.
    public let operation: any TracedOperation
    /// The values it is done to; 0 is the images, others are earlier steps' outputs.
    public let inputs: [Int]
    /// The value it gives.
    public let output: Int
    /// The shape of the first input, [N, H, W, C] or [N, C].
    public let shape: [Int]
  }

  /// In the order in which they are done.
  public internal(set) var steps: [Step] = []
  /// The value that is the logits.
  public internal(set) var logits = 0
  /// The shape of the images it was made with, [1, H, W, 3].
  public let shape: [Int]
  /// The shape of each value.
  public internal(set) var shapes: [[Int]]
  /// The value that is a layer's activation, by the layer's name; `input` is 0.
  public internal(set) var layers: [String: Int] = ["input": 0]
  /// Whether something is left of the images after every operation.
  public internal(set) var isPossible = true

  init(shape: [Int]) { (self.shape, shapes) = (shape, [shape]) }
}

extension Network {
  /// What the network does with an image of this size. Nothing is computed for it but the shapes, except in modules that use
  /// tensors' operations themselves, which are called with zeros.
  ///
  /// - Parameters:
  ///   - height: rows of the image.
  ///   - width: columns of the image.
  /// - Returns: the operations, without those that would give back what they are applied to.
  public func trace(height: Int, width: Int) -> Trace { trace(height: height, width: width, keepsIdentities: false) }

  /// The operations at this size. If `keepsIdentities`, operations that change nothing at this size are steps too.
  func trace(height: Int, width: Int, keepsIdentities: Bool) -> Trace {
    let recorder = Recorder([1, height, width, 3], scalarType, keepsIdentities: keepsIdentities)
    var pass = Pass(recorder)
    let logits = root(recorder.images, &pass)
    recorder.trace.logits = recorder.value(logits, in: "", "\(type(of: root))").number
    return recorder.trace
  }
}

/// Puts down what goes by.
final class Recorder {
  var trace: Trace
  let images: Tensor
  private let scalarType: ScalarType
  private let keepsIdentities: Bool
  private var values: [ObjectIdentifier: Int] = [:]
  /// Kept so that no two values have one identity.
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

  /// Whether a tensor is a step's output.
  func knows(_ tensor: Tensor) -> Bool { tensor.identity.map { values[$0] != nil } ?? false }

  /// The number of a value; one that no step has given is put down as what a module has done itself, and is tracked then.
  func value(_ tensor: Tensor, in path: String, _ module: String) -> (number: Int, tensor: Tensor) {
    if let number = tensor.identity.flatMap({ values[$0] }) { return (number, tensor) }
    let tensor = unknown(tensor, from: trace.shapes.count - 1, path, module)
    return (trace.shapes.count - 1, tensor)
  }

  /// Puts down a value that a module has made by itself.
  ///
  /// - Returns: the value, tracked.
  func unknown(_ tensor: Tensor, from input: Int, _ path: String, _ module: String) -> Tensor {
    let tensor = tensor.isTracked ? tensor : tensor.tracked()
    let operation = UnknownOperation(module: module, from: trace.shapes[input], to: tensor.shape)
    append(operation, path, [input], tensor)
    return tensor
  }

  /// Puts down an operation on values that it knows.
  ///
  /// - Returns: what stands for its result: zeros of its shape.
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

  /// Notes that a value is a layer's activation.
  func note(_ layer: String, _ tensor: Tensor) {
    if let value = tensor.identity.flatMap({ values[$0] }) { trace.layers[layer] = value }
  }
}
