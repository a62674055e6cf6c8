import Tensors

/// What a trace knows of an operation. Layers that are one operation say it of themselves; what a module does between its
/// layers, as a sum of two branches, is a value of a type below, which it hands to ``Pass/perform(_:_:_:)``.
///
/// A layer of one's own that conforms takes part in everything that is read off a trace: the smallest image, where excitation
/// backprop is defined, the size of activations. To be exported as ONNX it conforms to `ONNXOperation` too.
public protocol TracedOperation: Sendable {
  /// The shape of the result; the first input's unless told otherwise. A size below 1 says that the images are too small.
  ///
  /// - Parameter inputs: the inputs' shapes, [N, H, W, C] or [N, C].
  /// - Returns: the result's shape.
  func shape(of inputs: [[Int]]) -> [Int]

  /// Whether negative numbers can come out; they can unless told otherwise.
  var sign: ResultSign { get }

  /// What excitation backprop makes of it; nothing unless told otherwise.
  var excitation: ExcitationUse { get }

  /// Whether it gives an input of that shape back as it is, so that there is nothing to do. It never does unless told otherwise.
  func isIdentity(on shape: [Int]) -> Bool
}

/// Whether an operation's result can be negative.
public enum ResultSign: Sendable {
  /// It cannot, whatever the inputs are.
  case nonNegative
  /// It cannot if none of the inputs can.
  case asInputs
  /// It can.
  case any
}

/// What excitation backprop (`BackwardRule.excitation`) makes of an operation.
///
/// The method hands the signal of a unit down to its inputs in proportion to activation times positive weight, as if these were
/// probabilities. That supposes activations that are not negative, wherever there are weights to multiply: at the inputs
/// of convolutions, linear layers and means. What lies between these, batch norm (which has one input for each output, so that
/// there is nothing to share out), ReLU, maxima and movements, takes inputs of both signs.
public enum ExcitationUse: Sendable {
  /// The signal is shared out by activation times weight, so no input may be negative.
  case needsNonNegative
  /// The signal passes, whatever the sign of the input.
  case passes
  /// There is no rule for it.
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
  /// The sum, which has no settings.
  public init() {}
  public var sign: ResultSign { .asInputs }
  // The branches share the signal by what is positive of them.
  public var excitation: ExcitationUse { .passes }
}

/// The product of an image [N, H, W, C] and a number for each channel, [N, 1, 1, C].
public struct Multiply: TracedOperation {
  /// The product, which has no settings.
  public init() {}
  public var sign: ResultSign { .asInputs }
}

/// The product with a vector over the channels, which is a parameter of the module.
public struct ScaleChannels: TracedOperation {
  /// The parameter's name inside of its module.
  public let parameter: String
  /// The product with that parameter.
  public init(_ parameter: String) { self.parameter = parameter }
}

/// The sigmoid function of each element.
public struct Sigmoid: TracedOperation {
  /// The sigmoid function, which has no settings.
  public init() {}
  public var sign: ResultSign { .nonNegative }
}

/// Images beside each other in one, channel after channel.
public struct ConcatenateChannels: TracedOperation {
  /// The concatenation, which has no settings.
  public init() {}
  public func shape(of inputs: [[Int]]) -> [Int] {
    inputs[0].dropLast() + [inputs.reduce(0) { $0 + ($1.last ?? 0) }]
  }
  public var sign: ResultSign { .asInputs }
  public var excitation: ExcitationUse { .passes }
}

/// Every so manieth row and column, from the first.
public struct Subsample: TracedOperation {
  /// Rows and columns from one to the next.
  public let stride: Int
  /// Every so manieth row and column.
  public init(_ stride: Int) { self.stride = stride }
  public func shape(of inputs: [[Int]]) -> [Int] {
    let x = inputs[0]
    return [x[0], (x[1] + stride - 1) / stride, (x[2] + stride - 1) / stride, x[3]]
  }
  public var sign: ResultSign { .asInputs }
  public var excitation: ExcitationUse { .passes }
}

/// Channels of zeros before and after an image's own.
public struct PadChannels: TracedOperation {
  /// How many.
  public let before, after: Int
  /// So many channels of zeros.
  public init(before: Int, after: Int) { (self.before, self.after) = (before, after) }
  public func shape(of inputs: [[Int]]) -> [Int] {
    inputs[0].dropLast() + [(inputs[0].last ?? 0) + before + after]
  }
  public var sign: ResultSign { .asInputs }
  public var excitation: ExcitationUse { .passes }
}

/// What a module does with tensors itself, of which a trace knows nothing but the shape.
public struct UnknownOperation: TracedOperation {
  /// The type of the module that does it.
  public let module: String
  /// The shapes of its input and its result where it was traced.
  let from, to: [Int]

  /// It is taken to keep an image's size where it kept it when it was traced, and otherwise to make images smaller in the same
  /// proportion, rounded up.
  public func shape(of inputs: [[Int]]) -> [Int] {
    guard to.count == 4, from.count == 4, let input = inputs.first, input.count == 4 else { return to }
    let sizes = (1...2).map { (input[$0] * to[$0] + from[$0] - 1) / max(1, from[$0]) }
    return [input[0]] + sizes + [to[3]]
  }
}
