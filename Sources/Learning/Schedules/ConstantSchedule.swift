import Components

/// A constant learning rate after a linear warm-up.
public struct ConstantSchedule: WarmUpSchedule, Equatable {
  public let name = "constant"
  public var warmup: Double

  /// Creates the schedule; by default without warm-up.
  public init(warmup: Double = 0) { self.warmup = warmup }

  public mutating func visit(_ keys: Keys) { keys("warmup", &warmup, .share) }

  public func rateAfterWarmup(_ peak: Double, at position: RunPosition) -> Double { peak }
}
