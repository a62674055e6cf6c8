import Components
import Synchronization
import Tensors

/// A kind of network that can be created for any number of classes. It is identified by a name, or by a name with
/// settings. A program registers its own before it reads a recipe, a checkpoint or its command line:
///
///     Registries.architectures.register(Architecture("tiny", usualSide: 32) { classes, random in
///       TinyNetwork(classes: classes, using: &random)
///     })
public struct Architecture: Component {
  /// The family that creates the networks.
  public private(set) var family: any NetworkFamily
  /// Facts about a network of this architecture; all copies share them.
  private var facts = Facts()

  private final class Facts: Sendable {
    let outline = Mutex<NetworkOutline?>(nil)
  }

  /// Creates the architecture of a family with its current settings.
  public init(_ family: some NetworkFamily) {
    precondition(
      !family.name.isEmpty && !family.name.contains(where: { $0 == ":" || $0.isWhitespace }),
      "Architecture: '\(family.name)' is no name")
    self.family = family
  }

  /// Creates an architecture without settings.
  ///
  /// - Parameters:
  ///   - name: a single word that recipes, checkpoints and flags use.
  ///   - usualSide: the usual side of its images, in pixels; nil for 32, or for the smallest possible side if that is
  ///     larger.
  ///   - root: creates the module that maps images [N, H, W, 3] to logits [N, classes]. It draws the weights from the
  ///     source; without a source they are zeros.
  public init(
    _ name: String, usualSide: Int? = nil,
    root: @escaping @Sendable (_ classes: Int, _ random: inout RandomSource?) -> any Module
  ) {
    self.init(NamedFamily(name: name, usualSide: usualSide, make: root))
  }

  /// Creates an architecture from described layers.
  ///
  /// - Throws: the reason, if a layer does not fit the layers before it.
  public init(layers: [LayerDescription]) throws(LayerDescription.Malformed) {
    self.init(try SequentialFamily(layers))
  }

  /// Finds the architecture of this name, or the one that a ``label`` describes; nil if none is registered.
  public init?(_ label: String) {
    if let named = Registries.architectures[label], !named.family.needsSettings {
      self = named
      return
    }
    guard let separator = label.firstRange(of: Self.separator),
      let named = Registries.architectures[String(label[..<separator.lowerBound])],
      let stated = named.family.architecture(String(label[separator.upperBound...]))
    else { return nil }
    self = stated
  }

  private static let separator = ": "

  /// The name in recipes; `sequential` for described layers.
  public var name: String { family.name }

  /// The name with the settings, if there are any: `sequential: conv 8; relu; …`. Checkpoints and exports store it.
  public var label: String { name + (family.summary.map { Self.separator + $0 } ?? "") }

  public mutating func visit(_ keys: Keys) {
    func visited(_ family: some NetworkFamily) -> any NetworkFamily {
      var family = family
      family.visit(keys)
      return family
    }
    let before = label
    family = visited(family)
    if label != before { facts = Facts() }
  }
}

extension NetworkFamily {
  fileprivate func architecture(_ summary: String) -> Architecture? { reading(summary).map { Architecture($0) } }
}

extension Architecture: Hashable, CustomStringConvertible {
  public static func == (a: Architecture, b: Architecture) -> Bool { a.label == b.label }
  public func hash(into hasher: inout Hasher) { hasher.combine(label) }

  /// The name for messages.
  public var description: String { family.summary == nil ? name : "the \(name) network" }

  /// The built-in architectures, in the order of tables.
  public static let zoo =
    cifarResNets + [plain] + resNets + vggs + [alexnet] + squeezeNets
    + [mobilenet_v2, densenet121, convnext_tiny, efficientnet_b0]

  /// All architectures without settings, in the order of tables: the built-in ones and those that a program has
  /// registered.
  public static var all: [Architecture] { Registries.architectures.all.filter { !$0.family.needsSettings } }
}

extension Architecture {
  /// The largest number of classes that a network may have; the largest data sets have tens of thousands.
  public static let mostClasses = 100_000

  /// The default number of classes.
  public static let defaultClasses = 10

  /// Creates a network.
  ///
  /// - Parameters:
  ///   - classes: the number of logits.
  ///   - seed: the seed of the weights. With nil they are zeros, for weights that are loaded afterwards: drawing a
  ///     hundred million numbers takes seconds.
  /// - Returns: the network.
  public func network(classes: Int = defaultClasses, seed: UInt64? = 0) -> Network {
    if let single = family as? SingleModule {
      precondition(
        classes == single.classes,
        "Architecture: '\(name)' is one module of \(single.classes) classes; register an architecture to make others")
    }
    return made(classes: classes, seed: seed)
  }

  private func made(classes: Int, seed: UInt64?) -> Network {
    var random = seed.map { RandomSource(seed: $0, purpose: "initialization") }
    return Network(architecture: self, classes: classes, root: family.root(classes: classes, using: &random))
  }

  /// The side, in pixels, of the smallest square image that the network accepts.
  public var smallestSide: Int { outline.smallestSide }

  /// The usual side of its images, in pixels.
  public var usualSide: Int { family.usualSide ?? max(32, smallestSide) }

  /// Whether the network has batch norms, or other layers with running statistics.
  public var hasBatchNorms: Bool { outline.hasBatchNorms }

  /// The number of parameters of a network with this number of classes. No network of that size is created.
  public func parameterCount(classes: Int) -> Double { outline.parameterCount(classes) }

  /// The facts that are known without a network of full size; they are computed once.
  var outline: NetworkOutline {
    if let outline = family.outline { return outline }
    if let found = facts.outline.withLock({ $0 }) { return found }
    let found = NetworkOutline(made(classes: 1, seed: nil), usualSide: family.usualSide)
    facts.outline.withLock { $0 = found }
    return found
  }
}

extension NetworkOutline {
  /// Reads the facts off a network of one class.
  ///
  /// - Parameters:
  ///   - network: the network; its weights do not matter.
  ///   - usualSide: a side of images that is large enough, if one is known.
  init(_ network: Network, usualSide: Int?) {
    let trace = network.trace(height: usualSide ?? 224, width: usualSide ?? 224, keepsIdentities: true)
    let counts = network.parameters.map { Double($0.count) }
    // The head comes last; it has a row of weights and a bias for each class.
    let (all, head) = (counts.reduce(0, +), counts.suffix(2).reduce(0, +))
    self.init(
      smallestSide: trace.smallestSide ?? 1, hasBatchNorms: network.state.contains { $0.kind == .statistic },
      parameterCount: { all + Double($0 - 1) * head })
  }
}

extension Registries {
  /// The networks that recipes, checkpoints and flags can name. Those from `resnet18` on are torchvision's networks for
  /// ImageNet, with torchvision's names.
  public static let architectures = Registry<Architecture>(
    "network", Architecture.zoo + [Architecture(SequentialFamily())])
}
