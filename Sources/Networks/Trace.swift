import Tensors

/// What a network does, operation by operation, in terms that other programs share: what an exported graph is written from.
public struct Trace: Sendable {
  /// One operation.
  public struct Step: Sendable {
    /// The dotted name of the layer, or of the module that does it among its layers.
    public let name: String
    /// What is done.
    public let operation: Operation
    /// The values it is done to; 0 is the images, others are earlier steps' outputs.
    public let inputs: [Int]
    /// The value it gives.
    public let output: Int
    /// The shape of the first input, [N, H, W, C] or [N, C].
    public let shape: [Int]
  }

  /// What can be done. Parameters are the layer's, under its name.
  public enum Operation: Sendable {
    case convolution(ConvolutionGeometry, height: Int, width: Int, hasBias: Bool)
    case batchNorm(epsilon: Double)
    /// Over the channels, with a scale and a shift for each.
    case layerNorm(epsilon: Double)
    /// Of the channels.
    case linear
    /// Times a vector over the channels, which is a parameter of that name.
    case scaleChannels(String)
    case relu
    /// Held between 0 and the limit.
    case clip(Double)
    /// The sigmoid function; x times it; x times the normal distribution's cumulative function.
    case sigmoid, siLU, geLU
    case maxPool(window: Int, stride: Int, padding: Int, coveringEdges: Bool)
    case averagePool(window: Int)
    case adaptiveAveragePool(Int)
    /// Over all locations, to [N, C], or with them kept to [N, 1, 1, C].
    case globalAveragePool(keepDims: Bool)
    /// In the order of channels, rows, columns.
    case flatten
    case add, multiply, concatenateChannels
    /// Every so manieth row and column.
    case subsample(Int)
    case padChannels(before: Int, after: Int)
  }

  /// In the order in which they are done.
  public internal(set) var steps: [Step] = []
  /// The value that is the logits.
  public internal(set) var logits = 0
  /// The shape of the images it was made with, [1, H, W, 3].
  public let shape: [Int]
}

extension Network {
  /// What the network does with an image of this size.
  public func trace(height: Int, width: Int) -> Trace {
    // A tracked image makes every value a new one, which is how they are told apart.
    let image = Tensor.zeros([1, height, width, 3], scalarType).tracked()
    let recorder = Recorder(image)
    var pass = Pass(recorder)
    recorder.trace.logits = recorder.value(root(image, &pass))
    return recorder.trace
  }
}

/// Puts down what goes by.
final class Recorder {
  var trace: Trace
  private var values: [ObjectIdentifier: Int] = [:]
  /// Kept so that no two values have one identity.
  private var tensors: [Tensor] = []

  init(_ image: Tensor) {
    trace = Trace(shape: image.shape)
    add(image)
  }

  private func add(_ tensor: Tensor) {
    guard let identity = tensor.identity else { return }
    values[identity] = tensors.count
    tensors.append(tensor)
  }

  func value(_ tensor: Tensor) -> Int {
    guard let value = tensor.identity.flatMap({ values[$0] }) else {
      preconditionFailure("Recorder: a value \(tensor.shape) of an operation that was not put down")
    }
    return value
  }

  func record(_ operation: Trace.Operation, _ name: String, _ inputs: [Tensor], _ output: Tensor) {
    // What changes nothing, as pooling to the size that is there, gives its input back.
    if let identity = output.identity, values[identity] != nil { return }
    let inputs = inputs.map { ($0, value($0)) }
    add(output)
    trace.steps.append(
      .init(
        name: name, operation: operation, inputs: inputs.map(\.1), output: value(output), shape: inputs[0].0.shape))
  }
}

/// A layer that is one operation.
protocol OperationLayer: Module {
  /// Nil if it changes nothing.
  var operation: Trace.Operation? { get }
}

extension Convolution: OperationLayer {
  var operation: Trace.Operation? {
    .convolution(geometry, height: kernel.shape[0], width: kernel.shape[1], hasBias: bias != nil)
  }
}
extension BatchNorm: OperationLayer {
  var operation: Trace.Operation? { .batchNorm(epsilon: epsilon) }
}
extension Linear: OperationLayer {
  var operation: Trace.Operation? { .linear }
}
extension LayerNorm: OperationLayer {
  var operation: Trace.Operation? { .layerNorm(epsilon: epsilon) }
}
extension ReLU: OperationLayer {
  var operation: Trace.Operation? { .relu }
}
extension FixedLayer: OperationLayer {
  var operation: Trace.Operation? {
    switch self {
    case .maxPool(let window, let stride, let padding, let coveringEdges):
      .maxPool(window: window, stride: stride, padding: padding, coveringEdges: coveringEdges)
    case .averagePool(let window): .averagePool(window: window)
    case .adaptiveAveragePool(let side): .adaptiveAveragePool(side)
    case .globalAveragePool: .globalAveragePool(keepDims: false)
    case .flatten: .flatten
    case .relu6: .clip(6)
    case .siLU: .siLU
    case .geLU: .geLU
    case .omittedDropout: nil
    }
  }
}
