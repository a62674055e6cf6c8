import Components
import Foundation
import Tensors

/// Positive numbers whose logarithm is uniform, rounded to four digits: `log_uniform: [1e-4, 1e-1]` draws as many from each
/// order of magnitude.
public struct LogUniform: RangeDistribution {
  public let name = "log_uniform"
  /// The ends of the range.
  public var (low, high) = (0.001, 1.0)

  /// The range from 0.001 to 1.
  public init() {}

  public static var bound: Codec<Double> { .number(1e-12...1e9, "it has a logarithm") }

  public func draw(using random: inout RandomSource) -> String {
    exp(log(low) + (log(high) - log(low)) * random.uniform()).rounded(within: low, high)
  }
}
