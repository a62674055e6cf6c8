import Components
import Foundation

/// The rate is multiplied by a factor at each of some steps, as by PyTorch's `MultiStepLR`, after a linear warm-up. The
/// steps are counted from the end of the warm-up.
public struct MultiStepSchedule: WarmUpSchedule, Equatable {
  public let name = "multi_step"
  /// The steps at which the rate changes.
  public var milestones: [Int]
  /// The factor of each change.
  public var factor: Double
  public var warmup: Double

  /// Creates the schedule; by default without warm-up.
  public init(milestones: [Int] = [], factor: Double = 0.1, warmup: Double = 0) {
    (self.milestones, self.factor, self.warmup) = (milestones, factor, warmup)
  }

  public mutating func visit(_ keys: Keys) {
    keys("milestones", &milestones, .list(.count(from: 1), atLeast: 1), isRequired: true)
    keys("factor", &factor, .share)
    keys("warmup", &warmup, .share)
  }

  public func rateAfterWarmup(_ peak: Double, at position: RunPosition) -> Double {
    peak * pow(factor, Double(milestones.count { $0 <= position.step }))
  }
}
