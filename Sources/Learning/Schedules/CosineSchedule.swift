import Components

/// Cosine annealing to 0 (Loshchilov and Hutter 2017) after a linear warm-up.
public struct CosineSchedule: WarmUpSchedule, Equatable {
  public let name = "cosine"
  public var warmup: Double

  /// Creates the schedule; by default without warm-up.
  public init(warmup: Double = 0) { self.warmup = warmup }

  public mutating func visit(_ keys: Keys) { keys("warmup", &warmup, .share) }

  public func rateAfterWarmup(_ peak: Double, at position: RunPosition) -> Double {
    halfCosine(from: peak, to: 0, Double(position.step) / Double(max(1, position.steps)))
  }
}
