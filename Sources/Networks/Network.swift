import Tensors

/// A record of how a requested convolution computed its output.
public struct CapturedConvolution: Sendable {
  /// The input of the convolution, [N, H, W, C].
  public let input: Tensor
  /// The height and width of the kernel.
  public let height, width: Int
  /// The stride, padding, dilation and groups.
  public let geometry: ConvolutionGeometry

  /// The same record with an input that is not tracked.
  public func detached() -> CapturedConvolution {
    CapturedConvolution(input: input.detached(), height: height, width: width, geometry: geometry)
  }
}

/// An image classifier: an architecture with its parameters, as a value.
///
/// Images are [N, H, W, 3], already normalized; logits are [N, classes]. An update `θ' = θ − ε∇` makes a new network.
public struct Network: Sendable {
  /// The architecture.
  public let architecture: Architecture
  /// The number of logits.
  public let classes: Int
  /// Whether activations are recomputed in the backward pass, which saves memory and costs time. Only the inputs of
  /// blocks and of sequences of convolutions are kept then. It has no effect where batch norms use the batch's
  /// statistics.
  public private(set) var recomputes = false
  /// The learned factors of the rate of virtual updates, one for each parameter, in order: of the parameter's shape, or of
  /// shape [1]. They are empty if no rates were learned, which means factors of 1.
  public var rateFactors: [Tensor] = []
  var root: any Module

  init(architecture: Architecture, classes: Int, root: any Module) {
    (self.architecture, self.classes, self.root) = (architecture, classes, root)
  }

  /// Creates a network from a module. It can be trained, explained, saved and exported. To read a checkpoint of it, a
  /// program must register an architecture of the same name; see ``Architecture``.
  ///
  /// - Parameters:
  ///   - name: a single word for messages and files.
  ///   - classes: the number of logits.
  ///   - usualSide: the usual side of its images, in pixels; nil for 32, or for the smallest possible side if that is
  ///     larger.
  ///   - root: maps images [N, H, W, 3] to logits [N, classes].
  public init(_ name: String, classes: Int, usualSide: Int? = nil, root: some Module) {
    let single = SingleModule(name: name, usualSide: usualSide, classes: classes, module: root)
    self.init(architecture: Architecture(single), classes: classes, root: root)
  }

  /// The output of a forward pass.
  public struct Output: Sendable {
    /// The logits, [N, classes].
    public let logits: Tensor
    /// The requested activations, by layer. Each is tracked, so that the logits can be differentiated with respect to
    /// it.
    public let activations: [String: Tensor]
    /// For each requested activation that is the output of a convolution, how it was computed.
    public let convolutions: [String: CapturedConvolution]
    let statistics: [String: (mean: Tensor, variance: Tensor)]
    let names: [String]
  }

  /// Computes the logits of images.
  ///
  /// - Parameters:
  ///   - images: [N, H, W, 3], normalized.
  ///   - layers: the names of the layers whose activations are returned (`layer3.0`); `input` is the images themselves.
  ///     They must be among ``layerNames(height:width:)``.
  ///   - replacements: tensors that replace activations, by layer, of the same shapes.
  ///   - normalization: the statistics that batch norms use.
  ///   - dropping: what is left out at random; nil for nothing.
  /// - Returns: the logits, [N, classes], and the requested activations.
  public func callAsFunction(
    _ images: Tensor, capturing layers: [String] = [], replacing replacements: [String: Tensor] = [:],
    normalization: Pass.Normalization = .running, dropping: Dropping? = nil
  ) -> Output {
    var pass = Pass(
      normalization: normalization, wanted: layers, replacements: replacements, recomputing: recomputes,
      dropping: dropping)
    let logits = root(pass.activation("input", images), &pass)
    for layer in layers {
      precondition(pass.activations[layer] != nil, "Network: \(architecture) has no layer named \(layer)")
    }
    return Output(
      logits: logits, activations: pass.activations, convolutions: pass.convolutions, statistics: pass.statistics,
      names: pass.names)
  }

  /// The names of the layers whose output has locations, [N, H, W, C], in the order of their computation; `input` comes
  /// first.
  public func layerNames(height: Int = 32, width: Int = 32) -> [String] {
    self(.zeros([1, height, width, 3], scalarType)).names
  }
}

extension Network {
  /// The last layer of each resolution, for images of this size, from fine to coarse. Saliency maps are usually made at
  /// these layers. Of a layer and its parts, the layer itself is chosen. Neither `input` nor any layer of the
  /// classifier is included.
  public func stages(height: Int, width: Int) -> [String] {
    let names = layerNames(height: height, width: width).filter { name in
      !["input", "features"].contains(name) && !["classifier", "avgpool"].contains(name.prefix { $0 != "." })
    }
    let activations = self(.zeros([1, height, width, 3], scalarType), capturing: names).activations
    func depth(_ name: String) -> Int { name.count { $0 == "." } }
    var stages: [(size: [Int], name: String)] = []
    for name in names {
      guard let size = activations[name].map({ Array($0.shape[1...2]) }), size.allSatisfy({ $0 > 1 }) else { continue }
      if let index = stages.firstIndex(where: { $0.size == size }) {
        if depth(name) > depth(stages[index].name) { continue }
        stages.remove(at: index)
      }
      stages.append((size, name))
    }
    stages.sort { ($0.size[0], $0.size[1]) > ($1.size[0], $1.size[1]) }
    return stages.map(\.name)
  }
}

// MARK: - Parameters

extension Network {
  /// Visits every parameter and statistic, in the order and under the names of PyTorch's state dicts.
  public mutating func visit(_ body: (String, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try root.visit(Path()) { path, kind, tensor in try body(path.description, kind, &tensor) }
  }

  /// The parameters and statistics with their names, in order.
  public var state: [(name: String, kind: ParameterKind, value: Tensor)] {
    var (copy, state) = (self, [(name: String, kind: ParameterKind, value: Tensor)]())
    copy.visit { state.append(($0, $1, $2)) }
    return state
  }

  /// The parameters, in order.
  public var parameters: [Tensor] { state.filter(\.kind.isParameter).map(\.value) }

  /// The names of the convolutions, in order.
  public var convolutionNames: [String] {
    state.filter { $0.kind == .kernel }.map { String($0.name.dropLast(".weight".count)) }
  }

  /// The parameters' names, in order.
  public var parameterNames: [String] { state.filter(\.kind.isParameter).map(\.name) }

  /// Replaces the parameters, given in order.
  ///
  /// All of them may have one more axis of size N in front. The network then processes N images at a time, each with
  /// its own parameters. Such a network cannot use the batch's statistics.
  public func with(parameters: [Tensor]) -> Network {
    var (copy, next) = (self, 0)
    copy.visit { name, kind, tensor in
      guard kind.isParameter else { return }
      precondition(
        next < parameters.count
          && [parameters[next].shape, Array(parameters[next].shape.dropFirst())].contains(tensor.shape),
        "Network.with(parameters:): \(name) does not fit")
      tensor = parameters[next]
      next += 1
    }
    precondition(next == parameters.count, "Network.with(parameters:): \(parameters.count) for \(next) parameters")
    return copy
  }

  /// Returns the network with recomputation turned on or off.
  public func recomputing(_ recomputes: Bool) -> Network {
    var copy = self
    copy.recomputes = recomputes
    return copy
  }

  /// The scalar type of the parameters; images must have the same.
  public var scalarType: ScalarType { parameters.first?.scalarType ?? .float32 }

  /// Returns the network with parameters and statistics of another scalar type.
  public func converted(to type: ScalarType) -> Network {
    var copy = self
    copy.visit { $2 = $2.converted(to: type) }
    copy.rateFactors = rateFactors.map { $0.converted(to: type) }
    return copy
  }

  /// Returns the network with running statistics moved towards those of a batch, by PyTorch's default momentum of 0.1.
  public func updatingStatistics(from output: Output, momentum: Double = 0.1) -> Network {
    var copy = self
    copy.visit { name, kind, tensor in
      guard kind == .statistic, let dot = name.lastIndex(of: ".") else { return }
      guard let seen = output.statistics[String(name[..<dot])] else { return }
      let target = name[dot...] == ".running_mean" ? seen.mean : seen.variance
      tensor = tensor * (1 - momentum) + target * momentum
    }
    return copy
  }
}
