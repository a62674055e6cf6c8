import Components
import Foundation

/// The rate is multiplied by a factor when the outer loss on the validation images has not become lower over some
/// evaluations, as by PyTorch's `ReduceLROnPlateau`, after a linear warm-up. It needs `evaluation.every`. The evaluation
/// before training counts as the first one.
public struct PlateauSchedule: WarmUpSchedule, Equatable {
  public let name = "plateau"
  /// The number of evaluations without improvement that are tolerated; the next one changes the rate.
  public var patience: Int
  /// The factor of each change.
  public var factor: Double
  /// The share of the lowest loss by which a loss has to be lower to count as an improvement.
  public var threshold: Double
  public var warmup: Double

  /// Creates the schedule with PyTorch's defaults; by default without warm-up.
  public init(patience: Int = 10, factor: Double = 0.1, threshold: Double = 1e-4, warmup: Double = 0) {
    (self.patience, self.factor, self.threshold, self.warmup) = (patience, factor, threshold, warmup)
  }

  public mutating func visit(_ keys: Keys) {
    keys("patience", &patience, .count(from: 0))
    keys("factor", &factor, .share)
    keys("threshold", &threshold, .share)
    keys("warmup", &warmup, .share)
  }

  public var usesScores: Bool { true }

  public func rateAfterWarmup(_ peak: Double, at position: RunPosition) -> Double {
    var (best, waited, rate) = (Double.infinity, 0, peak)
    for score in position.scores {
      // As in PyTorch, but also for a loss below 0, where a share of it would be an increase.
      if score < best - threshold * abs(best.isFinite ? best : 0) {
        (best, waited) = (score, 0)
      } else {
        waited += 1
      }
      if waited > patience { (rate, waited) = (rate * factor, 0) }
    }
    return rate
  }
}
