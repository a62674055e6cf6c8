import Tensors

/// An operation whose properties traces know. A layer that is a single operation conforms itself. For an operation
/// between layers, such as the sum of two branches, a module passes a value of one of the types below to
/// ``Pass/perform(_:_:_:)``.
///
/// A custom layer that conforms takes part in everything that is read off a trace: the smallest image, the layers at
/// which excitation backprop is defined, the size of activations. For export to ONNX it must also conform to
/// `ONNXOperation`.
public protocol TracedOperation: Sendable {
  /// The shape of the output; by default the shape of the first input. A size below 1 means that the images are too
  /// small.
  ///
  /// - Parameter inputs: the inputs' shapes, [N, H, W, C] or [N, C].
  /// - Returns: the output's shape.
  func shape(of inputs: [[Int]]) -> [Int]

  /// Whether the output can be negative; by default it can.
  var sign: ResultSign { get }

  /// How excitation backprop treats the operation; by default it is undefined.
  var excitation: ExcitationUse { get }

  /// Whether the operation returns an input of this shape unchanged, so that it can be left out. By default it never
  /// does.
  func isIdentity(on shape: [Int]) -> Bool
}

/// The possible signs of an operation's output.
public enum ResultSign: Sendable {
  /// Never negative, whatever the inputs are.
  case nonNegative
  /// Not negative if no input is negative.
  case asInputs
  /// Possibly negative.
  case any
}

/// How excitation backprop (`BackwardRule.excitation`) treats an operation.
///
/// The method distributes the signal of a unit to its inputs in proportion to activation times positive weight, like
/// probabilities. This requires non-negative activations wherever weights are multiplied: at the inputs of
/// convolutions, linear layers and means. The operations between these accept inputs of both signs: batch norm, which
/// has one input for each output so that there is nothing to distribute, ReLU, max pooling and movements of elements.
public enum ExcitationUse: Sendable {
  /// The signal is distributed in proportion to activation times weight, so that no input may be negative.
  case needsNonNegative
  /// The signal passes, whatever the sign of the input.
  case passes
  /// There is no rule for the operation.
  case undefined
}

extension TracedOperation {
  public func shape(of inputs: [[Int]]) -> [Int] { inputs[0] }
  public var sign: ResultSign { .any }
  public var excitation: ExcitationUse { .undefined }
  public func isIdentity(on shape: [Int]) -> Bool { false }
}

/// The sum of two branches.
public struct Add: TracedOperation {
  /// Creates the operation, which has no settings.
  public init() {}
  public var sign: ResultSign { .asInputs }
  // The branches share the signal in proportion to their positive parts.
  public var excitation: ExcitationUse { .passes }
}

/// The product of an image [N, H, W, C] and a number per channel, [N, 1, 1, C].
public struct Multiply: TracedOperation {
  /// Creates the operation, which has no settings.
  public init() {}
  public var sign: ResultSign { .asInputs }
}

/// The product of an image and a vector over the channels, which is a parameter of the module.
public struct ScaleChannels: TracedOperation {
  /// The parameter's name inside the module.
  public let parameter: String
  /// Creates the product with the parameter of this name.
  public init(_ parameter: String) { self.parameter = parameter }
}

/// The sigmoid function of each element.
public struct Sigmoid: TracedOperation {
  /// Creates the operation, which has no settings.
  public init() {}
  public var sign: ResultSign { .nonNegative }
}

/// The concatenation of images along the channels.
public struct ConcatenateChannels: TracedOperation {
  /// Creates the operation, which has no settings.
  public init() {}
  public func shape(of inputs: [[Int]]) -> [Int] {
    inputs[0].dropLast() + [inputs.reduce(0) { $0 + ($1.last ?? 0) }]
  }
  public var sign: ResultSign { .asInputs }
  public var excitation: ExcitationUse { .passes }
}

/// Subsampling: every `stride`-th row and column, from the first.
public struct Subsample: TracedOperation {
  /// The distance between rows, and between columns, that are kept.
  public let stride: Int
  /// Creates the operation.
  public init(_ stride: Int) { self.stride = stride }
  public func shape(of inputs: [[Int]]) -> [Int] {
    let x = inputs[0]
    return [x[0], (x[1] + stride - 1) / stride, (x[2] + stride - 1) / stride, x[3]]
  }
  public var sign: ResultSign { .asInputs }
  public var excitation: ExcitationUse { .passes }
}

/// Padding of an image with channels of zeros before and after its own.
public struct PadChannels: TracedOperation {
  /// The number of channels before and after.
  public let before, after: Int
  /// Creates the operation.
  public init(before: Int, after: Int) { (self.before, self.after) = (before, after) }
  public func shape(of inputs: [[Int]]) -> [Int] {
    inputs[0].dropLast() + [(inputs[0].last ?? 0) + before + after]
  }
  public var sign: ResultSign { .asInputs }
  public var excitation: ExcitationUse { .passes }
}

/// The tensor operations that a module performs directly. A trace knows only the shapes of their input and output.
public struct UnknownOperation: TracedOperation {
  /// The type of the module.
  public let module: String
  /// The shapes of the input and the output in the trace.
  let from, to: [Int]

  /// The shape of the output. If the image kept its size in the trace, it keeps it here; otherwise it shrinks in the
  /// same proportion, rounded up.
  public func shape(of inputs: [[Int]]) -> [Int] {
    guard to.count == 4, from.count == 4, let input = inputs.first, input.count == 4 else { return to }
    let sizes = (1...2).map { (input[$0] * to[$0] + from[$0] - 1) / max(1, from[$0]) }
    return [input[0]] + sizes + [to[3]]
  }
}
