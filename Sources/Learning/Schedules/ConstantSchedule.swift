import Components

/// The rate as given, after a linear warm-up.
public struct ConstantSchedule: Schedule, Equatable {
  public let name = "constant"
  /// The share of the steps over which the rate rises first, in a straight line.
  public var warmup: Double

  /// Without warm-up unless told otherwise.
  public init(warmup: Double = 0) { self.warmup = warmup }

  public mutating func visit(_ keys: Keys) { keys("warmup", &warmup, .share) }

  public func rate(_ peak: Double, step: Int, of total: Int) -> Double {
    Warmup(warmup, of: total).rate(peak, step: step) ?? peak
  }
}
