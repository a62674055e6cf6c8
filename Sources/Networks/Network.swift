import Tensors

/// How a convolution that was asked for by name made its response.
public struct CapturedConvolution: Sendable {
  /// What it was applied to, [N, H, W, C].
  public let input: Tensor
  /// The kernel's size.
  public let height, width: Int
  /// Stride, padding, dilation and groups.
  public let geometry: ConvolutionGeometry

  /// The same with no memory of how the input was computed.
  public func detached() -> CapturedConvolution {
    CapturedConvolution(input: input.detached(), height: height, width: width, geometry: geometry)
  }
}

/// A classifier of images: an architecture with its parameters, a value like any other.
///
/// Images are [N, H, W, 3], already normalized; logits are [N, classes]. `θ' = θ − ε∇` makes a new network.
public struct Network: Sendable {
  /// What kind of network it is.
  public let architecture: Architecture
  /// Number of logits.
  public let classes: Int
  /// Whether of blocks and of stretches of convolutions only the input is kept for derivatives, and all else recomputed
  /// when these are taken: less memory for more time. Not where batch norms normalize by the batch.
  public private(set) var recomputes = false
  var root: any Module

  init(architecture: Architecture, classes: Int, root: any Module) {
    (self.architecture, self.classes, self.root) = (architecture, classes, root)
  }

  /// A network of one's own: a module under a name. It can be trained, explained, saved and exported. A checkpoint of it is read
  /// by a program that has registered an architecture of that name; see ``Architecture``.
  ///
  /// - Parameters:
  ///   - name: what messages and files call it; a word.
  ///   - classes: number of logits.
  ///   - usualSide: the side in pixels of the images that it is usual for; nil for 32, or the smallest if that is larger.
  ///   - root: maps images [N, H, W, 3] to logits [N, classes].
  public init(_ name: String, classes: Int, usualSide: Int? = nil, root: some Module) {
    let single = SingleModule(name: name, usualSide: usualSide, classes: classes, module: root)
    self.init(architecture: Architecture(single), classes: classes, root: root)
  }

  /// What a run through a network gives.
  public struct Output: Sendable {
    /// [N, classes]
    public let logits: Tensor
    /// The wanted activations, by layer. Each is tracked, so that the logits can be differentiated with respect to it.
    public let activations: [String: Tensor]
    /// For the wanted activations that are a convolution's response, how that came about.
    public let convolutions: [String: CapturedConvolution]
    let statistics: [String: (mean: Tensor, variance: Tensor)]
    let names: [String]
  }

  /// The logits for `images`.
  ///
  /// - Parameters:
  ///   - images: [N, H, W, 3], normalized.
  ///   - layers: the layers whose activations are wanted, by name (`layer3.0`); `input` is the images themselves. Names
  ///     must be among ``layerNames(height:width:)``.
  ///   - replacements: what takes the place of activations, by layer; of their shapes.
  ///   - normalization: which statistics batch norms use.
  /// - Returns: the logits, [N, classes], and what was captured.
  public func callAsFunction(
    _ images: Tensor, capturing layers: [String] = [], replacing replacements: [String: Tensor] = [:],
    normalization: Pass.Normalization = .running
  ) -> Output {
    var pass = Pass(
      normalization: normalization, wanted: layers, replacements: replacements, recomputing: recomputes)
    let logits = root(pass.activation("input", images), &pass)
    for layer in layers {
      precondition(pass.activations[layer] != nil, "Network: \(architecture) has no layer named \(layer)")
    }
    return Output(
      logits: logits, activations: pass.activations, convolutions: pass.convolutions, statistics: pass.statistics,
      names: pass.names)
  }

  /// The layers with locations, [N, H, W, C], whose activations can be asked for, in the order they are computed; `input`
  /// first.
  public func layerNames(height: Int = 32, width: Int = 32) -> [String] {
    self(.zeros([1, height, width, 3], scalarType)).names
  }
}

extension Network {
  /// For each resolution that images of this size are brought to, the last layer that has it, from fine to coarse: where
  /// saliency maps are usually taken. A layer counts before the layers that it is made of. Neither `input` nor what belongs to the classifier is among them.
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

  /// Parameters and statistics by name, in order.
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

  /// The same network with other parameters, given in order.
  ///
  /// All of them may have one more axis of size N before their own: the network then takes N images at a time, each by
  /// parameters of its own. Such a network can't normalize by the batch.
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

  /// The same network, which recomputes or does not.
  public func recomputing(_ recomputes: Bool) -> Network {
    var copy = self
    copy.recomputes = recomputes
    return copy
  }

  /// The type of the parameters; images must have the same.
  public var scalarType: ScalarType { parameters.first?.scalarType ?? .float32 }

  /// The same network in the other precision.
  public func converted(to type: ScalarType) -> Network {
    var copy = self
    copy.visit { $2 = $2.converted(to: type) }
    return copy
  }

  /// Running statistics moved towards those of a batch, as PyTorch moves them: by a tenth.
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
