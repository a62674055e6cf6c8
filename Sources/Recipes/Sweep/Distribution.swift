import Components
import Tensors

/// A distribution from which a sweep draws values of a key. A program can register its own:
///
///     Registries.distributions.register(PowerOfTwo())
public protocol Distribution: Component {
  /// Draws a value, as a recipe would state it.
  func draw(using random: inout RandomSource) -> String
}

extension Distribution {
  public static var needsSettings: Bool { true }
}

extension Registries {
  /// The distributions that sweep files can name.
  public static let distributions = Registry<any Distribution>(
    "distribution", [Uniform(), LogUniform(), IntegerUniform(), Choice()])
}

/// A distribution over a range of numbers. A sweep file may write it as a list of the range's ends, `[0.001, 0.1]`.
public protocol RangeDistribution: Distribution {
  associatedtype Bound: Comparable
  /// The lower end of the range.
  var low: Bound { get set }
  /// The higher end of the range.
  var high: Bound { get set }
  /// The codec of either end.
  static var bound: Codec<Bound> { get }
  /// Creates the distribution over its usual range.
  init()
}

extension RangeDistribution {
  public mutating func visit(_ keys: Keys) {
    keys("low", &low, Self.bound, isRequired: true)
    keys("high", &high, Self.bound, isRequired: true)
    if low >= high { keys.refuse("high", "expected more than 'low'") }
  }

  public static var shorthand: Codec<Self>? {
    let list = Codec<[Bound]>.list(bound)
    return Codec(
      read: { entry, key, report in
        guard let ends = list.read(entry, key, report) else { return nil }
        guard ends.count == 2, ends[0] < ends[1] else {
          report.problems.append(.init(entry.place, key, "expected two numbers, the lower one first: [low, high]"))
          return nil
        }
        var range = Self()
        (range.low, range.high) = (ends[0], ends[1])
        return range
      }, write: { list.write([$0.low, $0.high]) })
  }
}
