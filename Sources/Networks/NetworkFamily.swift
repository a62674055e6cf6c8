import Components
import Tensors

/// What makes networks of one kind, for any number of classes. A network without settings needs no type of its own: see
/// ``Architecture/init(_:usualSide:root:)``. One with settings, as its depth, states them as keys of a recipe's `model` section in
/// `visit`, as every component does.
public protocol NetworkFamily: Component {
  /// The side in pixels of the images that it is usual for; nil for 32, or the smallest if that is larger.
  var usualSide: Int? { get }

  /// Whether the defaults of its settings make no network.
  var needsSettings: Bool { get }

  /// The settings in one line, for checkpoints and exports, which name a network by `name: settings`; nil if there are none.
  /// Unless told otherwise `key value; key value`, of keys with a single value each.
  var summary: String? { get }

  /// The family with the settings that a ``summary`` states; nil if they are none of its.
  ///
  /// - Parameter summary: the settings in one line.
  /// - Returns: the family with these settings.
  func reading(_ summary: String) -> Self?

  /// Makes the module that maps images [N, H, W, 3] to logits [N, classes].
  ///
  /// - Parameters:
  ///   - classes: number of logits.
  ///   - random: what weights are drawn from; zeros if nil, for weights that are loaded.
  /// - Returns: the module.
  func root(classes: Int, using random: inout RandomSource?) -> any Module

  /// What can be told without making a network; nil, as it is unless told otherwise, to read it off a network with weights of
  /// zero, which take no memory.
  var outline: NetworkOutline? { get }
}

/// What is known of a network before it is made.
public struct NetworkOutline: Sendable {
  /// The side in pixels of the smallest images of which something is left after every operation.
  public let smallestSide: Int
  /// Whether it has batch norms, or other layers with running statistics.
  public let hasBatchNorms: Bool
  /// Parameters of a network of so many classes.
  public let parameterCount: @Sendable (_ classes: Int) -> Double
  /// Elements of all activations of one image of this size; nil to count those of a small image.
  public let activationCount: (@Sendable (_ height: Int, _ width: Int) -> Double)?

  /// What is known of a network.
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

/// A network that its name alone makes.
struct NamedFamily: NetworkFamily {
  let name: String
  let usualSide: Int?
  let make: @Sendable (Int, inout RandomSource?) -> any Module

  var summary: String? { nil }
  func reading(_ summary: String) -> NamedFamily? { nil }
  func root(classes: Int, using random: inout RandomSource?) -> any Module { make(classes, &random) }
}

/// One module that somebody made, which no program can make again by its name.
struct SingleModule: NetworkFamily {
  let name: String
  let usualSide: Int?
  let classes: Int
  let module: any Module

  var summary: String? { nil }
  func reading(_ summary: String) -> SingleModule? { nil }
  func root(classes: Int, using random: inout RandomSource?) -> any Module { module }
}
