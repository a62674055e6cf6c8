import Components
import Synchronization
import Tensors

/// A kind of network that can be made for any number of classes: a name, or a name with settings. A program adds its own
/// before it reads a recipe, a checkpoint or its command line:
///
///     Registries.architectures.register(Architecture("tiny", usualSide: 32) { classes, random in
///       TinyNetwork(classes: classes, using: &random)
///     })
public struct Architecture: Component {
  /// What makes its networks.
  public private(set) var family: any NetworkFamily
  /// What was read off a network; shared by all copies.
  private var facts = Facts()

  private final class Facts: Sendable {
    let outline = Mutex<NetworkOutline?>(nil)
  }

  /// The networks of a family with the settings that it has.
  public init(_ family: some NetworkFamily) {
    precondition(
      !family.name.isEmpty && !family.name.contains(where: { $0 == ":" || $0.isWhitespace }),
      "Architecture: '\(family.name)' is no name")
    self.family = family
  }

  /// A network that its name alone makes.
  ///
  /// - Parameters:
  ///   - name: what recipes, checkpoints and flags call it; a word.
  ///   - usualSide: the side in pixels of the images that it is usual for; nil for 32, or the smallest if that is larger.
  ///   - root: makes the module that maps images [N, H, W, 3] to logits [N, classes], with weights that are drawn from the
  ///     source; zeros if that is nil.
  public init(
    _ name: String, usualSide: Int? = nil,
    root: @escaping @Sendable (_ classes: Int, _ random: inout RandomSource?) -> any Module
  ) {
    self.init(NamedFamily(name: name, usualSide: usualSide, make: root))
  }

  /// Described layers.
  ///
  /// - Throws: what is wrong, if they do not fit each other.
  public init(layers: [LayerDescription]) throws(LayerDescription.Malformed) {
    self.init(try SequentialFamily(layers))
  }

  /// The architecture of that name, or the one that a ``label`` describes; nil if none is registered.
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

  /// What recipes call it; of described layers `sequential`.
  public var name: String { family.name }

  /// Its name, and its settings if it has some: `sequential: conv 8; relu; …`. Checkpoints and exports name networks so.
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

  /// Its name, for people.
  public var description: String { family.summary == nil ? name : "the \(name) network" }

  /// Those that metasal brings along, in the order of tables.
  public static let zoo =
    cifarResNets + [plain] + resNets + vggs + [alexnet] + squeezeNets
    + [mobilenet_v2, densenet121, convnext_tiny, efficientnet_b0]

  /// All that a name alone makes, in the order of tables: the zoo and what a program has registered.
  public static var all: [Architecture] { Registries.architectures.all.filter { !$0.family.needsSettings } }
}

extension Architecture {
  /// Classes that a network may have; the largest data sets have tens of thousands.
  public static let mostClasses = 100_000

  /// Classes unless told otherwise.
  public static let defaultClasses = 10

  /// A network.
  ///
  /// - Parameters:
  ///   - classes: number of logits.
  ///   - seed: what its weights are drawn from; nil leaves them zero, for weights that are loaded: drawing a hundred million
  ///     takes seconds.
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

  /// The side in pixels of the smallest images of which something is left after every operation.
  public var smallestSide: Int { outline.smallestSide }

  /// The side in pixels of the images that it is usual for.
  public var usualSide: Int { family.usualSide ?? max(32, smallestSide) }

  /// Whether it has batch norms, or other layers with running statistics.
  public var hasBatchNorms: Bool { outline.hasBatchNorms }

  /// Parameters of a network of so many classes, for which none of that size is made.
  public func parameterCount(classes: Int) -> Double { outline.parameterCount(classes) }

  /// What is known without a network of that size; found out once.
  var outline: NetworkOutline {
    if let outline = family.outline { return outline }
    if let found = facts.outline.withLock({ $0 }) { return found }
    let found = NetworkOutline(made(classes: 1, seed: nil), usualSide: family.usualSide)
    facts.outline.withLock { $0 = found }
    return found
  }
}

extension NetworkOutline {
  /// Reads it off a network of one class.
  ///
  /// - Parameters:
  ///   - network: the network; its weights do not matter.
  ///   - usualSide: the side of images that are large enough, if that is known.
  init(_ network: Network, usualSide: Int?) {
    let trace = network.trace(height: usualSide ?? 224, width: usualSide ?? 224, keepsIdentities: true)
    let counts = network.parameters.map { Double($0.count) }
    // The head comes last: for each class a row of weights and a bias.
    let (all, head) = (counts.reduce(0, +), counts.suffix(2).reduce(0, +))
    self.init(
      smallestSide: trace.smallestSide ?? 1, hasBatchNorms: network.state.contains { $0.kind == .statistic },
      parameterCount: { all + Double($0 - 1) * head })
  }
}

extension Registries {
  /// The networks that recipes, checkpoints and flags can name. Those from `resnet18` on are torchvision's, for ImageNet, with
  /// torchvision's names.
  public static let architectures = Registry<Architecture>(
    "network", Architecture.zoo + [Architecture(SequentialFamily())])
}
