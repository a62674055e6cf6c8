import Tensors

/// The role of a tensor in its network.
public enum ParameterKind: Sendable {
  /// A parameter that training updates.
  case weight
  /// A convolution kernel: a parameter whose layout is [KH, KW, C/groups, O] in memory and [O, C/groups, KH, KW] in
  /// files.
  case kernel
  /// A running statistic, which is part of the state but no parameter.
  case statistic

  /// Whether it is a parameter.
  public var isParameter: Bool { self != .statistic }

  private static let (axesInFiles, ownAxes) = ([3, 2, 0, 1], [2, 3, 1, 0])

  /// Converts a tensor to its layout in files: a kernel [KH, KW, C/groups, O] becomes [O, C/groups, KH, KW], all else
  /// stays the same.
  public func inFiles(_ tensor: Tensor) -> Tensor {
    self == .kernel ? tensor.permuted(Self.axesInFiles) : tensor
  }

  /// The shape in files of a tensor that has this shape in memory.
  public func shapeInFiles(_ shape: [Int]) -> [Int] { self == .kernel ? Self.axesInFiles.map { shape[$0] } : shape }

  /// Converts a tensor from its layout in files: a kernel [O, C/groups, KH, KW] becomes [KH, KW, C/groups, O], all else
  /// stays the same. A kernel that does not have four axes also stays the same; loading rejects it later because of its
  /// shape.
  public func fromFiles(_ tensor: Tensor) -> Tensor {
    self == .kernel && tensor.rank == 4 ? tensor.permuted(Self.ownAxes) : tensor
  }
}

/// A layer or a group of layers: a value that maps a tensor to a tensor and gives access to its parameters by name.
public protocol Module: Sendable {
  /// Computes the output for `x`. Child layers are called through `pass`, which gives them their names. Operations
  /// between them should go through ``Pass/perform(_:_:_:)``, so that traces and exports see them.
  func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor

  /// Visits every parameter and statistic once, in the order and under the names of PyTorch's state dicts, each below
  /// `path`. Reading, writing, updating and averaging all parameters are such visits.
  mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows
}

/// A layer that can add a residual and apply ReLU in the same pass over memory.
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
  /// Creates a path from a name; the empty name is the whole network.
  public init(_ name: String = "") { description = name }

  /// The path of a child.
  public static func / (path: Path, name: String) -> Path {
    Path(path.description.isEmpty ? name : path.description + "." + name)
  }
}

/// One forward pass through a network. It knows how to normalize and which activations to keep, and collects them.
public struct Pass {
  /// The statistics that batch norms use: running ones, or those of the batch.
  public enum Normalization: Sendable { case running, batch }

  /// The statistics that batch norms use.
  public let normalization: Normalization
  private let wanted: Set<String>
  /// The replacements for activations, by layer.
  private let replacements: [String: Tensor]
  /// For each requested activation that is the output of a convolution, how it was computed.
  private(set) var convolutions: [String: CapturedConvolution] = [:]
  /// The requested activations that were computed so far, by layer.
  private(set) public var activations: [String: Tensor] = [:]
  /// The mean and the unbiased variance of each batch norm's input, by layer; only if batch norms use the batch's
  /// statistics.
  private(set) var statistics: [String: (mean: Tensor, variance: Tensor)] = [:]
  /// The names of all layers whose output has locations, in the order of their calls.
  private(set) var names: [String] = []
  private(set) var path = Path()
  /// Whether only the inputs of blocks are kept for the backward pass.
  let recomputes: Bool
  /// What is left out at random; nil for nothing.
  let dropping: Dropping?
  /// Whether the pass came through dropout layers, and through blocks with stochastic depth.
  var places = (dropout: false, stochasticDepth: false)
  /// Records the operations, if the pass is traced.
  private let recorder: Recorder?
  /// The type of the module that is being called, for traces.
  private var owner = ""

  /// Creates a traced pass.
  init(_ recorder: Recorder) {
    (normalization, wanted, replacements, self.recorder, recomputes) = (.running, [], [:], recorder, false)
    dropping = nil
  }

  init(
    normalization: Normalization, wanted: [String], replacements: [String: Tensor] = [:], recomputing: Bool = false,
    dropping: Dropping? = nil, from path: Path = Path()
  ) {
    recorder = nil
    (self.dropping, self.path) = (dropping, path)
    recomputes = recomputing && normalization == .running
    self.normalization = normalization
    self.replacements = replacements
    self.wanted = Set(wanted)
  }

  /// Calls the child `name` of the module that is being called.
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

  /// Traces the call of a module: as one operation, as the operations of its layers, or as an unknown operation.
  private mutating func traced(
    _ module: some Module, _ x: Tensor, in place: Path, _ recorder: Recorder
  ) -> Tensor {
    // An input that no step has computed is the result of an unknown operation in the calling module.
    let (input, x) = recorder.value(x, in: place.description, owner)
    if let operation = module as? any TracedOperation { return recorder.record(operation, path.description, [x]) }
    let (type, outer) = ("\(type(of: module))", owner)
    owner = type
    defer { owner = outer }
    let y = module(x, &self)
    return recorder.knows(y) ? y : recorder.unknown(y, from: input, path.description, type)
  }

  /// Performs an operation that is not a layer, so that it appears in traces.
  ///
  /// - Parameters:
  ///   - operation: the operation.
  ///   - inputs: its inputs.
  ///   - value: computes its output.
  /// - Returns: the output; in a trace, zeros of its shape.
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

  /// Concatenates images along the channels.
  public mutating func concatenated(_ images: [Tensor]) -> Tensor {
    perform(ConcatenateChannels(), images, .concatenated(images, axis: 3))
  }

  /// Calls a layer, adds `residual` and applies ReLU. This is one fused operation, unless the layer's own activation is
  /// requested.
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

  /// Handles the activation of the layer `name`, which another layer has computed together with its own.
  mutating func passing(_ name: String, _ y: Tensor) -> Tensor { activation((path / name).description, y) }

  /// Handles an activation: a requested one is kept, as a new variable if it is not tracked.
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

  /// The layers whose activations are requested or replaced.
  var asked: [String] { Array(wanted) + Array(replacements.keys) }

  mutating func saw(mean: Tensor, variance: Tensor) {
    statistics[path.description] = (mean.detached(), variance.detached())
  }
}
