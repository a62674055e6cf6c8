import Components
import Foundation

/// The rate falls to 0 by a power of the share of the steps that are left, as by PyTorch's `PolynomialLR`, after a linear
/// warm-up; with a power of 1 it falls linearly.
public struct PolynomialSchedule: WarmUpSchedule, Equatable {
  public let name = "polynomial"
  /// The power.
  public var power: Double
  public var warmup: Double

  /// Creates the schedule; by default linear and without warm-up.
  public init(power: Double = 1, warmup: Double = 0) { (self.power, self.warmup) = (power, warmup) }

  public mutating func visit(_ keys: Keys) {
    keys("power", &power, .number(0...10))
    keys("warmup", &warmup, .share)
  }

  public func rateAfterWarmup(_ peak: Double, at position: RunPosition) -> Double {
    peak * pow(1 - Double(position.step) / Double(max(1, position.steps)), power)
  }
}
