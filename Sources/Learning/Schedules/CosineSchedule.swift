import Components

/// Falling to 0 along half a cosine (Loshchilov and Hutter 2017), after a linear warm-up.
public struct CosineSchedule: Schedule, Equatable {
  public let name = "cosine"
  /// The share of the steps over which the rate rises first, in a straight line.
  public var warmup: Double

  /// Without warm-up unless told otherwise.
  public init(warmup: Double = 0) { self.warmup = warmup }

  public mutating func visit(_ keys: Keys) { keys("warmup", &warmup, .share) }

  public func rate(_ peak: Double, step: Int, of total: Int) -> Double {
    let warm = Warmup(warmup, of: total)
    return warm.rate(peak, step: step)
      ?? halfCosine(from: peak, to: 0, Double(step - warm.steps) / Double(max(1, total - warm.steps)))
  }
}
