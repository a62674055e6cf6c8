import Components
import Tensors

/// Whole numbers that are uniform in a range with both of its ends: `integer: [1, 8]`.
public struct IntegerUniform: Distribution {
  public let name = "integer"
  /// The ends of the range.
  public var (low, high) = (0, 1)

  /// 0 or 1.
  public init() {}

  public mutating func visit(_ keys: Keys) { keys.range(&low, &high, Self.bound) }

  public static var shorthand: Codec<Self>? {
    .ends(
      bound,
      { low, high in
        var range = IntegerUniform()
        (range.low, range.high) = (low, high)
        return range
      }, { [$0.low, $0.high] })
  }

  private static var bound: Codec<Int> { .integer(-1_000_000_000...1_000_000_000) }

  public func draw(using random: inout RandomSource) -> String {
    String(low + min(high - low, Int(Double(high - low + 1) * random.uniform())))
  }
}
