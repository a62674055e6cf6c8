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

extension Keys {
  /// Visits the two ends of a range.
  func range<Bound: Comparable>(_ low: inout Bound, _ high: inout Bound, _ codec: Codec<Bound>) {
    self("low", &low, codec, isRequired: true)
    self("high", &high, codec, isRequired: true)
    if low >= high { refuse("high", "expected more than 'low'") }
  }
}

extension Codec {
  /// The codec of a range that is written as a list of its two ends: `[0.001, 0.1]`.
  static func ends<Bound: Comparable>(
    _ codec: Codec<Bound>, _ whole: @escaping (Bound, Bound) -> Value, _ part: @escaping (Value) -> [Bound]
  ) -> Codec {
    let list = Codec<[Bound]>.list(codec)
    return Codec(
      read: { entry, key, report in
        guard let ends = list.read(entry, key, report) else { return nil }
        guard ends.count == 2, ends[0] < ends[1] else {
          report.problems.append(.init(entry.place, key, "expected two numbers, the lower one first: [low, high]"))
          return nil
        }
        return whole(ends[0], ends[1])
      }, write: { list.write(part($0)) })
  }
}
