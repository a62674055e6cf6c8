import Tensors

/// The networks that metasal can make, by the names that recipes use. Those from `resnet18` on are torchvision's, for
/// ImageNet, with torchvision's names.
public enum Architecture: Sendable, Hashable {
  /// One that is known by its name.
  case named(Name)
  /// Layers as a recipe describes them, which fit each other.
  case sequential([LayerDescription])

  /// The names, in the order of tables; each is written as it is called here, so that none can be missing.
  public enum Name: String, Sendable, CaseIterable {
    case resnet20, resnet32, resnet44, resnet56
    case plain
    case resnet18, resnet34, resnet50, resnet101, resnet152, resnext50_32x4d, wide_resnet50_2
    case vgg11, vgg13, vgg16, vgg19, vgg11_bn, vgg13_bn, vgg16_bn, vgg19_bn
    case alexnet
    case squeezenet1_0, squeezenet1_1
    case mobilenet_v2
    case densenet121
    case convnext_tiny
    case efficientnet_b0
  }
}

extension Architecture: CaseIterable, CustomStringConvertible {
  /// Those that have names.
  public static let allCases = Name.allCases.map(Architecture.named)

  private static let prefix = "sequential: "

  /// The architecture of that name, or the one that a ``name`` describes.
  public init?(_ name: String) {
    if let name = Name(rawValue: name) {
      self = .named(name)
    } else if name.hasPrefix(Self.prefix) {
      let texts = name.dropFirst(Self.prefix.count).split(separator: ";")
      guard let layers = try? texts.map({ try LayerDescription(String($0)) }),
        let described = try? Architecture(layers: layers)
      else { return nil }
      self = described
    } else {
      return nil
    }
  }

  /// Its name; of described layers the description.
  public var name: String {
    switch self {
    case .named(let name): name.rawValue
    case .sequential(let layers): Self.prefix + layers.map(\.description).joined(separator: "; ")
    }
  }

  /// Its name.
  public var description: String { if case .sequential = self { "the sequential network" } else { name } }

  /// Described layers.
  ///
  /// - Throws: what is wrong, if they do not fit each other.
  public init(layers: [LayerDescription]) throws(LayerDescription.Malformed) {
    var none: RandomSource?
    _ = try Sequential.described(layers, classes: 1, using: &none, isMade: false)
    guard layers.smallestSide != nil else {
      throw .init(description: "no image is large enough for all of these layers", layer: nil)
    }
    self = .sequential(layers)
  }
}

extension Architecture {
  /// Classes that a network may have; the largest data sets have tens of thousands.
  public static let mostClasses = 100_000

  /// Classes unless told otherwise.
  public static let defaultClasses = 10

  /// The side in pixels of the smallest images of which something is left after all halvings.
  public var smallestSide: Int {
    switch self {
    case .sequential(let layers): layers.smallestSide ?? 1
    case .named(let name): name.smallestSide
    }
  }

  /// The side in pixels of the images that it is usual for.
  public var usualSide: Int {
    switch self {
    case .sequential: max(32, smallestSide)
    case .named(let name): name.usualSide
    }
  }

  /// Whether it has batch norms.
  public var hasBatchNorms: Bool {
    switch self {
    case .vgg11, .vgg13, .vgg16, .vgg19, .alexnet, .squeezenet1_0, .squeezenet1_1, .convnext_tiny: false
    case .sequential(let layers): layers.contains { $0.kind == .batchNorm }
    default: true
    }
  }

  /// A network.
  ///
  /// - Parameter seed: what its weights are drawn from; nil leaves them zero, for weights that are loaded: drawing a
  ///   hundred million takes seconds.
  public func network(classes: Int = defaultClasses, seed: UInt64? = 0) -> Network {
    var random = seed.map { RandomSource(seed: $0, purpose: "initialization") }
    func cifar(_ blocks: Int) -> CIFARResNet { CIFARResNet(blocks: blocks, classes: classes, using: &random) }
    func resnet(_ kind: ResidualBlock.Kind, _ counts: [Int]) -> Sequential {
      .resNet(kind, counts, classes: classes, using: &random)
    }
    func vgg(_ counts: [Int], isNormalized: Bool = false) -> Sequential {
      .vgg(counts, isNormalized: isNormalized, classes: classes, using: &random)
    }
    func described(_ layers: [LayerDescription]) -> Sequential {
      do { return try Sequential.described(layers, classes: classes, using: &random) } catch {
        preconditionFailure("Architecture: layers that do not fit each other, \(error)")
      }
    }
    func root(_ name: Name) -> any Module {
      switch name {
      case .resnet20: cifar(3)
      case .resnet32: cifar(5)
      case .resnet44: cifar(7)
      case .resnet56: cifar(9)
      case .plain: PlainNetwork(classes: classes, using: &random)
      case .resnet18: resnet(.basic, [2, 2, 2, 2])
      case .resnet34: resnet(.basic, [3, 4, 6, 3])
      case .resnet50: resnet(.bottleneck(), [3, 4, 6, 3])
      case .resnet101: resnet(.bottleneck(), [3, 4, 23, 3])
      case .resnet152: resnet(.bottleneck(), [3, 8, 36, 3])
      case .resnext50_32x4d: resnet(.bottleneck(groups: 32, width: 4), [3, 4, 6, 3])
      case .wide_resnet50_2: resnet(.bottleneck(width: 128), [3, 4, 6, 3])
      case .vgg11: vgg([1, 1, 2, 2, 2])
      case .vgg13: vgg([2, 2, 2, 2, 2])
      case .vgg16: vgg([2, 2, 3, 3, 3])
      case .vgg19: vgg([2, 2, 4, 4, 4])
      case .vgg11_bn: vgg([1, 1, 2, 2, 2], isNormalized: true)
      case .vgg13_bn: vgg([2, 2, 2, 2, 2], isNormalized: true)
      case .vgg16_bn: vgg([2, 2, 3, 3, 3], isNormalized: true)
      case .vgg19_bn: vgg([2, 2, 4, 4, 4], isNormalized: true)
      case .alexnet: Sequential.alexNet(classes: classes, using: &random)
      case .squeezenet1_0: Sequential.squeezeNet(isRevised: false, classes: classes, using: &random)
      case .squeezenet1_1: Sequential.squeezeNet(isRevised: true, classes: classes, using: &random)
      case .mobilenet_v2: Sequential.mobileNetV2(classes: classes, using: &random)
      case .densenet121: Sequential.denseNet([6, 12, 24, 16], classes: classes, using: &random)
      case .convnext_tiny: Sequential.convNeXt([3, 3, 9, 3], [96, 192, 384, 768], classes: classes, using: &random)
      case .efficientnet_b0: Sequential.efficientNetB0(classes: classes, using: &random)
      }
    }
    let made: any Module =
      switch self {
      case .named(let name): root(name)
      case .sequential(let layers): described(layers)
      }
    return Network(architecture: self, classes: classes, root: made)
  }
}

extension Architecture.Name {
  fileprivate var smallestSide: Int {
    switch self {
    case .vgg11, .vgg13, .vgg16, .vgg19, .vgg11_bn, .vgg13_bn, .vgg16_bn, .vgg19_bn: 32
    case .alexnet: 63
    case .squeezenet1_0: 21
    case .squeezenet1_1: 17
    case .densenet121: 29
    case .convnext_tiny: 32
    default: 1
    }
  }

  fileprivate var usualSide: Int {
    switch self {
    case .resnet20, .resnet32, .resnet44, .resnet56, .plain: 32
    default: 224
    }
  }
}

extension Architecture {
  /// Short for those that have names.
  public static let
    resnet20 = named(.resnet20), resnet32 = named(.resnet32), resnet44 = named(.resnet44), resnet56 = named(.resnet56),
    plain = named(.plain),
    resnet18 = named(.resnet18), resnet34 = named(.resnet34), resnet50 = named(.resnet50),
    resnet101 = named(.resnet101), resnet152 = named(.resnet152),
    resnext50_32x4d = named(.resnext50_32x4d), wide_resnet50_2 = named(.wide_resnet50_2),
    vgg11 = named(.vgg11), vgg13 = named(.vgg13), vgg16 = named(.vgg16), vgg19 = named(.vgg19),
    vgg11_bn = named(.vgg11_bn), vgg13_bn = named(.vgg13_bn), vgg16_bn = named(.vgg16_bn), vgg19_bn = named(.vgg19_bn),
    alexnet = named(.alexnet), squeezenet1_0 = named(.squeezenet1_0), squeezenet1_1 = named(.squeezenet1_1),
    mobilenet_v2 = named(.mobilenet_v2), densenet121 = named(.densenet121),
    convnext_tiny = named(.convnext_tiny), efficientnet_b0 = named(.efficientnet_b0)
}
