import Components

/// Cosine annealing to 0 (Loshchilov and Hutter 2017) after a linear warm-up.
public struct CosineSchedule: Schedule, Equatable {
  public let name = "cosine"
  /// The share of the steps that the linear warm-up takes.
  public var warmup: Double

  /// Creates the schedule; by default without warm-up.
  public init(warmup: Double = 0) { self.warmup = warmup }

  public mutating func visit(_ keys: Keys) { keys("warmup", &warmup, .share) }

  public func rate(_ peak: Double, step: Int, of total: Int) -> Double {
    let warm = Warmup(warmup, of: total)
    return warm.rate(peak, step: step)
      ?? halfCosine(from: peak, to: 0, Double(step - warm.steps) / Double(max(1, total - warm.steps)))
  }
}
