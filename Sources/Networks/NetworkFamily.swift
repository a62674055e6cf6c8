import Components
import Tensors

/// A family of networks that differ in their settings and in the number of classes. A network without settings needs no
/// type of its own: see ``Architecture/init(_:usualSide:root:)``. A family connects its settings, such as a depth, with
/// keys of a recipe's `model` section in `visit`, as every component does.
public protocol NetworkFamily: Component {
  /// The usual side of its images, in pixels; nil for 32, or for the smallest possible side if that is larger.
  var usualSide: Int? { get }

  /// Whether no network can be created with the default settings.
  var needsSettings: Bool { get }

  /// The settings on one line, for checkpoints and exports, which store a network as `name: settings`; nil if there are
  /// no settings. By default it is `key value; key value`, which requires keys with a single value each.
  var summary: String? { get }

  /// Parses the settings of a ``summary``; nil if they do not belong to this family.
  ///
  /// - Parameter summary: the settings on one line.
  /// - Returns: the family with these settings.
  func reading(_ summary: String) -> Self?

  /// Creates the module that maps images [N, H, W, 3] to logits [N, classes].
  ///
  /// - Parameters:
  ///   - classes: the number of logits.
  ///   - random: the source of the weights; nil for zeros, for weights that are loaded.
  /// - Returns: the module.
  func root(classes: Int, using random: inout RandomSource?) -> any Module

  /// The facts that are known without creating a network. By default it is nil, and the facts are read off a network
  /// whose weights are zeros that take no memory.
  var outline: NetworkOutline? { get }
}

/// Facts about a network that are known before it is created.
public struct NetworkOutline: Sendable {
  /// The side, in pixels, of the smallest square image that the network accepts.
  public let smallestSide: Int
  /// Whether the network has batch norms, or other layers with running statistics.
  public let hasBatchNorms: Bool
  /// The number of parameters of a network with this number of classes.
  public let parameterCount: @Sendable (_ classes: Int) -> Double
  /// The total number of elements of all activations of one image of this size; nil to count those of a small image.
  public let activationCount: (@Sendable (_ height: Int, _ width: Int) -> Double)?

  /// Creates the facts about a network.
  public init(
    smallestSide: Int, hasBatchNorms: Bool, parameterCount: @escaping @Sendable (_ classes: Int) -> Double,
    activationCount: (@Sendable (_ height: Int, _ width: Int) -> Double)? = nil
  ) {
    (self.smallestSide, self.hasBatchNorms) = (smallestSide, hasBatchNorms)
    (self.parameterCount, self.activationCount) = (parameterCount, activationCount)
  }
}

extension NetworkFamily {
  public var usualSide: Int? { nil }
  public var needsSettings: Bool { false }
  public var outline: NetworkOutline? { nil }

  public var summary: String? {
    guard case .section(let items) = settings.content, !items.isEmpty else { return nil }
    return items.map { key, value in
      if case .scalar(let text, _) = value.content { "\(key) \(text)" } else { key }
    }.joined(separator: "; ")
  }

  public func reading(_ summary: String) -> Self? {
    let items = summary.split(separator: ";").map { $0.split(separator: " ", maxSplits: 1).map(String.init) }
    let place = Place(source: name, line: nil)
    let section = Entry.Content.section(
      items.compactMap { words in
        guard let key = words.first else { return nil }
        return (key, Entry(words.count > 1 ? .scalar(words[1], isText: false) : .empty, place: place))
      })
    let report = Keys.Report()
    let family = Keys.read(self, Entry(section, place: place), "", report)
    return report.problems.isEmpty ? family : nil
  }
}

/// A family without settings, which has a single network for each number of classes.
struct NamedFamily: NetworkFamily {
  let name: String
  let usualSide: Int?
  let make: @Sendable (Int, inout RandomSource?) -> any Module

  var summary: String? { nil }
  func reading(_ summary: String) -> NamedFamily? { nil }
  func root(classes: Int, using random: inout RandomSource?) -> any Module { make(classes, &random) }
}

/// A single module that was given to a network. It cannot be created again from its name.
struct SingleModule: NetworkFamily {
  let name: String
  let usualSide: Int?
  let classes: Int
  let module: any Module

  var summary: String? { nil }
  func reading(_ summary: String) -> SingleModule? { nil }
  func root(classes: Int, using random: inout RandomSource?) -> any Module { module }
}
