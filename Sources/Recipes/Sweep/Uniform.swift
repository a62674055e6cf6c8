import Components
import Foundation
import Tensors

/// Numbers that are uniform in a range, rounded to four digits: `uniform: [0, 1]`.
public struct Uniform: Distribution {
  public let name = "uniform"
  /// The ends of the range.
  public var (low, high) = (0.0, 1.0)

  /// The range from 0 to 1.
  public init() {}

  public mutating func visit(_ keys: Keys) { keys.range(&low, &high, Self.bound) }

  public static var shorthand: Codec<Self>? {
    .ends(
      bound,
      { low, high in
        var range = Uniform()
        (range.low, range.high) = (low, high)
        return range
      }, { [$0.low, $0.high] })
  }

  private static var bound: Codec<Double> { .number(-1e9...1e9) }

  public func draw(using random: inout RandomSource) -> String {
    (low + (high - low) * random.uniform()).rounded(within: low, high)
  }
}

extension Double {
  /// The number with four digits, which are enough for a setting and short enough for a name; never beyond `low` and
  /// `high`.
  func rounded(within low: Double, _ high: Double) -> String {
    let text = String(format: "%.4g", self)
    guard let value = Double(text), value >= low else { return "\(low)" }
    return value <= high ? text : "\(high)"
  }
}
