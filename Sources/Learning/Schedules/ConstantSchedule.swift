import Components

/// A constant learning rate after a linear warm-up.
public struct ConstantSchedule: Schedule, Equatable {
  public let name = "constant"
  /// The share of the steps that the linear warm-up takes.
  public var warmup: Double

  /// Creates the schedule; by default without warm-up.
  public init(warmup: Double = 0) { self.warmup = warmup }

  public mutating func visit(_ keys: Keys) { keys("warmup", &warmup, .share) }

  public func rate(_ peak: Double, step: Int, of total: Int) -> Double {
    Warmup(warmup, of: total).rate(peak, step: step) ?? peak
  }
}
