import Components
import Tensors

/// Whole numbers that are uniform in a range with both of its ends: `integer: [1, 8]`.
public struct IntegerUniform: RangeDistribution {
  public let name = "integer"
  /// The ends of the range.
  public var (low, high) = (0, 1)

  /// 0 or 1.
  public init() {}

  public static var bound: Codec<Int> { .integer(-1_000_000_000...1_000_000_000) }

  public func draw(using random: inout RandomSource) -> String {
    String(low + min(high - low, Int(Double(high - low + 1) * random.uniform())))
  }
}
