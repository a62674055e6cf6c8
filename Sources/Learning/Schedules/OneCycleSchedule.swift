import Components

/// Up from a 25th of the rate while warming up, then down to a 250,000th of it, each along half a cosine: PyTorch's
/// `OneCycleLR` (Smith and Topin 2019).
public struct OneCycleSchedule: Schedule, Equatable {
  public let name = "one_cycle"
  /// The share of the steps over which the rate rises first.
  public var warmup: Double

  /// Without warm-up unless told otherwise.
  public init(warmup: Double = 0) { self.warmup = warmup }

  public mutating func visit(_ keys: Keys) { keys("warmup", &warmup, .share) }

  public func rate(_ peak: Double, step: Int, of total: Int) -> Double {
    let (start, end) = (peak / 25, peak / 25 / 1e4)
    // Between steps where the warm-up is no whole number of them, and before the first where it is less than one: the first
    // rate is then on its way down already.
    let top = warmup * Double(total) - 1
    let last = Double(total) - 1
    let step = Double(step)
    if step <= top { return halfCosine(from: start, to: peak, top == 0 ? 1 : step / top) }
    return halfCosine(from: peak, to: end, (step - top) / (last - top))
  }
}
