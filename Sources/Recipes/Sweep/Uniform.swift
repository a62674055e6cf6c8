import Components
import Foundation
import Tensors

/// Numbers that are uniform in a range, rounded to four digits: `uniform: [0, 1]`.
public struct Uniform: RangeDistribution {
  public let name = "uniform"
  /// The ends of the range.
  public var (low, high) = (0.0, 1.0)

  /// The range from 0 to 1.
  public init() {}

  public static var bound: Codec<Double> { .number(-1e9...1e9) }

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
