import Components
import Foundation

/// The rate is multiplied by a factor in every step, as by PyTorch's `ExponentialLR`, after a linear warm-up.
public struct ExponentialSchedule: WarmUpSchedule, Equatable {
  public let name = "exponential"
  /// The factor of each step.
  public var factor: Double
  public var warmup: Double

  /// Creates the schedule; by default without warm-up.
  public init(factor: Double = 1, warmup: Double = 0) { (self.factor, self.warmup) = (factor, warmup) }

  public mutating func visit(_ keys: Keys) {
    keys("factor", &factor, .share, isRequired: true)
    keys("warmup", &warmup, .share)
  }

  public func rateAfterWarmup(_ peak: Double, at position: RunPosition) -> Double {
    peak * pow(factor, Double(position.step))
  }
}
