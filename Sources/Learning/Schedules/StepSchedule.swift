import Components
import Foundation

/// The rate is multiplied by a factor after every so many steps, as by PyTorch's `StepLR`, after a linear warm-up.
public struct StepSchedule: WarmUpSchedule, Equatable {
  public let name = "step"
  /// The number of steps from one change to the next.
  public var every: Int
  /// The factor of each change.
  public var factor: Double
  public var warmup: Double

  /// Creates the schedule; by default without warm-up.
  public init(every: Int = 1, factor: Double = 0.1, warmup: Double = 0) {
    (self.every, self.factor, self.warmup) = (every, factor, warmup)
  }

  public mutating func visit(_ keys: Keys) {
    keys("every", &every, .count(from: 1), isRequired: true)
    keys("factor", &factor, .share)
    keys("warmup", &warmup, .share)
  }

  public func rateAfterWarmup(_ peak: Double, at position: RunPosition) -> Double {
    peak * pow(factor, Double(position.step / every))
  }
}
