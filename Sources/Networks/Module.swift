import Tensors

/// What a visited tensor is to its network.
public enum ParameterKind: Sendable {
  /// A parameter that training moves.
  case weight
  /// A convolution kernel: a parameter held as [KH, KW, C/groups, O] here and as [O, C/groups, KH, KW] in files.
  case kernel
  /// A running statistic: part of the state, but no parameter.
  case statistic

  /// Whether it is a parameter.
  public var isParameter: Bool { self != .statistic }

  private static let (axesInFiles, ownAxes) = ([3, 2, 0, 1], [2, 3, 1, 0])

  /// A tensor as files have it: a kernel [KH, KW, C/groups, O] as [O, C/groups, KH, KW], all else as it is.
  public func inFiles(_ tensor: Tensor) -> Tensor {
    self == .kernel ? tensor.permuted(Self.axesInFiles) : tensor
  }

  /// The shape that a tensor of this shape has in files.
  public func shapeInFiles(_ shape: [Int]) -> [Int] { self == .kernel ? Self.axesInFiles.map { shape[$0] } : shape }

  /// A tensor from a file as networks have it: a kernel [O, C/groups, KH, KW] as [KH, KW, C/groups, O], all else as it is. What
  /// is no kernel for its number of axes stays as it is, to be refused for its shape.
  public func fromFiles(_ tensor: Tensor) -> Tensor {
    self == .kernel && tensor.rank == 4 ? tensor.permuted(Self.ownAxes) : tensor
  }
}

/// A layer or a group of layers: a value that maps a tensor to a tensor and names what it is made of.
public protocol Module: Sendable {
  /// The response to `x`. Layers inside are called through `pass`, which gives them their names; what is done between them is best
  /// done by ``Pass/perform(_:_:_:)``, so that traces and exports know of it.
  func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor

  /// Visits every parameter and statistic once, in the order and under the names of PyTorch's state dicts, each below
  /// `path`. Everything that is done to all parameters (reading, writing, updating, averaging) is a visit.
  mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows
}

/// A layer that adds a residual and takes the positive part in the same pass over memory.
protocol FusingModule: Module {
  func callAsFunction(_ x: Tensor, _ pass: inout Pass, adding residual: Tensor?, relu: Bool) -> Tensor
}

extension FusingModule {
  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    self(x, &pass, adding: nil, relu: false)
  }
}

/// A dotted name: `layer3.0.conv1.weight`.
public struct Path: Sendable, Hashable, CustomStringConvertible {
  public let description: String
  /// A name; empty for the whole network.
  public init(_ name: String = "") { description = name }

  /// The name of something inside.
  public static func / (path: Path, name: String) -> Path {
    Path(path.description.isEmpty ? name : path.description + "." + name)
  }
}

/// One run through a network: how it normalizes, which activations are wanted, and what came by.
public struct Pass {
  /// Whether batch norm uses its running statistics or those of the batch.
  public enum Normalization: Sendable { case running, batch }

  /// How batch norms normalize.
  public let normalization: Normalization
  private let wanted: Set<String>
  /// What takes the place of activations that come by.
  private let replacements: [String: Tensor]
  /// The wanted activations that are responses of convolutions, with how they came about.
  private(set) var convolutions: [String: CapturedConvolution] = [:]
  /// The wanted activations that came by, by layer.
  private(set) public var activations: [String: Tensor] = [:]
  /// Mean and unbiased variance of what each batch norm saw, by the layer's name; in batch form only.
  private(set) var statistics: [String: (mean: Tensor, variance: Tensor)] = [:]
  /// The names of all layers with locations, in the order they were called.
  private(set) var names: [String] = []
  private(set) var path = Path()
  /// Whether only what goes into blocks is kept for derivatives.
  let recomputes: Bool
  /// Puts down what is done, if anyone wants to know.
  private let recorder: Recorder?
  /// The type of the module that is being called, for traces.
  private var owner = ""

  /// A run that is put down.
  init(_ recorder: Recorder) {
    (normalization, wanted, replacements, self.recorder, recomputes) = (.running, [], [:], recorder, false)
  }

  init(
    normalization: Normalization, wanted: [String], replacements: [String: Tensor] = [:], recomputing: Bool = false
  ) {
    recorder = nil
    recomputes = recomputing && normalization == .running
    self.normalization = normalization
    self.replacements = replacements
    self.wanted = Set(wanted)
  }

  /// Calls the layer `name` of the module that is being called.
  public mutating func callAsFunction(_ name: String, _ module: some Module, _ x: Tensor) -> Tensor {
    let outer = path
    path = path / name
    defer { path = outer }
    if let recorder { return activation(path.description, traced(module, x, in: outer, recorder)) }
    let y = recomputes(module) ? recomputed(module, x) : module(x, &self)
    if let layer = module as? Convolution, wanted.contains(path.description) {
      let kernel = Array(layer.kernel.shape.suffix(4))
      convolutions[path.description] = CapturedConvolution(
        input: x, height: kernel[0], width: kernel[1], geometry: layer.geometry)
    }
    return activation(path.description, y)
  }

  /// Puts down what a module does: one operation, what its own layers do, or what nothing is known of.
  private mutating func traced(
    _ module: some Module, _ x: Tensor, in place: Path, _ recorder: Recorder
  ) -> Tensor {
    // A value that no step has given is what the module that calls this one has done itself.
    let (input, x) = recorder.value(x, in: place.description, owner)
    if let operation = module as? any TracedOperation { return recorder.record(operation, path.description, [x]) }
    let (type, outer) = ("\(type(of: module))", owner)
    owner = type
    defer { owner = outer }
    let y = module(x, &self)
    return recorder.knows(y) ? y : recorder.unknown(y, from: input, path.description, type)
  }

  /// Does what is no layer of its own, to activations, so that traces know of it.
  ///
  /// - Parameters:
  ///   - operation: what is done.
  ///   - inputs: what it is done to.
  ///   - value: what it gives.
  /// - Returns: `value`; in a trace, zeros of its shape.
  public mutating func perform(
    _ operation: some TracedOperation, _ inputs: [Tensor], _ value: @autoclosure () -> Tensor
  ) -> Tensor {
    guard let recorder else { return value() }
    return recorder.record(
      operation, path.description, inputs.map { recorder.value($0, in: path.description, owner).tensor })
  }

  /// The sum of two branches.
  public mutating func sum(_ x: Tensor, _ branch: Tensor) -> Tensor {
    perform(Add(), [x, branch], x.residualAdd(branch))
  }

  /// Images beside each other in one, channel after channel.
  public mutating func concatenated(_ images: [Tensor]) -> Tensor {
    perform(ConcatenateChannels(), images, .concatenated(images, axis: 3))
  }

  /// Calls a layer and what follows it in so many networks: a sum with `residual` and a ReLU. In one go, unless
  /// the layer's own activation is wanted.
  mutating func callAsFunction(
    _ name: String, _ layer: some FusingModule, _ x: Tensor, adding residual: Tensor? = nil, relu: Bool
  ) -> Tensor {
    let own = (path / name).description
    if recorder != nil || wanted.contains(own) || replacements[own] != nil {
      let y = self(name, layer, x)
      let sum = residual.map { self.sum(y, $0) } ?? y
      return relu ? perform(ReLU(), [sum], sum.relu) : sum
    }
    let outer = path
    path = path / name
    defer { path = outer }
    names.append(path.description)
    return layer(x, &self, adding: residual, relu: relu)
  }

  /// Lets the activation of the layer `name` go by, which another layer has computed along with its own.
  mutating func passing(_ name: String, _ y: Tensor) -> Tensor { activation((path / name).description, y) }

  /// Lets an activation go by; a wanted one is kept, as a variable if nothing before it is tracked.
  mutating func activation(_ name: String, _ y: Tensor) -> Tensor {
    if y.rank == 4 { names.append(name) }
    recorder?.note(name, y)
    var y = y
    if let replacement = replacements[name] {
      precondition(replacement.shape == y.shape, "Pass: \(replacement.shape) in place of \(y.shape) at \(name)")
      y = replacement
    }
    guard wanted.contains(name) else { return y }
    let kept = y.isTracked ? y : y.tracked()
    activations[name] = kept
    return kept
  }

  /// The layers whose activations are wanted or replaced.
  var asked: [String] { Array(wanted) + Array(replacements.keys) }

  mutating func saw(mean: Tensor, variance: Tensor) {
    statistics[path.description] = (mean.detached(), variance.detached())
  }
}
