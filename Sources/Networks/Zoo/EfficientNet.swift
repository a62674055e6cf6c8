import Tensors

extension Architecture {
  /// EfficientNet-B0.
  public static let efficientnet_b0 = Architecture("efficientnet_b0", usualSide: 224) {
    Sequential.efficientNetB0(classes: $0, using: &$1)
  }
}

extension Sequential {
  /// EfficientNet-B0 (Tan and Le 2019). Names and initialization are torchvision's: `features.0.0`,
  /// `features.1.0.block.0.0`, `features.1.0.block.1.fc1`, …, `classifier.1`; so are the rates of
  /// dropout and stochastic depth.
  public static func efficientNetB0(classes: Int, using random: inout RandomSource?) -> Sequential {
    // Table 1 of the paper.
    let stages: [(expansion: Int, size: Int, stride: Int, channels: Int, count: Int)] = [
      (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4),
      (6, 3, 1, 320, 1),
    ]
    var channels = 32
    var features: [any Module] = [MBConv.normalized(3, channels, size: 3, stride: 2, using: &random)]
    let count = stages.reduce(0) { $0 + $1.count }
    var block = 0
    for stage in stages {
      let blocks = (0..<stage.count).map { index in
        defer { (channels, block) = (stage.channels, block + 1) }
        return MBConv(
          channels, stage.channels, expansion: stage.expansion, size: stage.size, stride: index == 0 ? stage.stride : 1,
          depth: StochasticDepth(rate: 0.2, share: Double(block) / Double(count)), using: &random)
      }
      features.append(Sequential(blocks))
    }
    features.append(MBConv.normalized(channels, 1280, size: 1, using: &random))
    return Sequential(named: [
      ("features", Sequential(features)), ("avgpool", GlobalAveragePool()),
      (
        "classifier",
        Sequential([
          Dropout(0.2), Linear(1280, classes, initialization: .uniformFanOut, using: &random),
        ])
      ),
    ])
  }
}

/// EfficientNet's block: a 1×1 convolution that widens, a depthwise convolution, squeeze and excitation, and a 1×1
/// convolution that narrows. The input is added where the shape stays the same.
public struct MBConv: Block {
  /// The layers of the residual branch.
  public private(set) var block: Named<Sequential>
  private let hasShortcut: Bool
  private let depth: StochasticDepth

  init(
    _ inputs: Int, _ outputs: Int, expansion: Int, size: Int, stride: Int, depth: StochasticDepth,
    using random: inout RandomSource?
  ) {
    self.depth = depth
    let inner = inputs * expansion
    var modules: [any Module] = []
    if expansion > 1 { modules.append(Self.normalized(inputs, inner, size: 1, using: &random)) }
    modules.append(Self.normalized(inner, inner, size: size, stride: stride, groups: inner, using: &random))
    modules.append(SqueezeExcitation(inner, squeezed: max(1, inputs / 4), using: &random))
    modules.append(Self.normalized(inner, outputs, size: 1, isActivated: false, using: &random))
    block = Named("block", Sequential(modules))
    hasShortcut = stride == 1 && inputs == outputs
  }

  /// A convolution, its normalization and the activation.
  static func normalized(
    _ inputs: Int, _ outputs: Int, size: Int, stride: Int = 1, groups: Int = 1, isActivated: Bool = true,
    using random: inout RandomSource?
  ) -> Sequential {
    let convolution = Convolution(
      inputs, outputs, size: size, stride: stride, padding: size / 2, groups: groups, initialization: .heFanOut,
      using: &random)
    return Sequential([convolution, BatchNorm(outputs)] + (isActivated ? [SiLU()] : []))
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    let y = pass(block, x)
    return hasShortcut ? pass.sum(pass.droppingBranch(y, depth), x) : y
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try block.visit(path, body)
  }
}

/// Squeeze and excitation (Hu et al. 2018): multiplies each channel by a number between 0 and 1, which two small layers
/// compute from the means of all channels.
public struct SqueezeExcitation: Module {
  /// The 1×1 convolutions of the means: to fewer channels, and back to the original number.
  public private(set) var fc1, fc2: Named<Convolution>

  init(_ channels: Int, squeezed: Int, using random: inout RandomSource?) {
    func layer(_ name: String, _ inputs: Int, _ outputs: Int) -> Named<Convolution> {
      Named(name, Convolution(inputs, outputs, size: 1, bias: true, initialization: .heFanOut, using: &random))
    }
    (fc1, fc2) = (layer("fc1", channels, squeezed), layer("fc2", squeezed, channels))
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    let kept = [x.shape[0], 1, 1, x.shape[3]]
    let means = pass.perform(GlobalAveragePool(keepsLocations: true), [x], x.globalAveragePooled().reshaped(kept))
    let y = pass("activation", SiLU(), pass(fc1, means))
    let gates = pass(fc2, y)
    let shares = pass.perform(Sigmoid(), [gates], gates.sigmoid)
    return pass.perform(Multiply(), [x, shares], x * shares)
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try fc1.visit(path, body)
    try fc2.visit(path, body)
  }
}
