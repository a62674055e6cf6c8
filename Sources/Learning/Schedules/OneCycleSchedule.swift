import Components

/// PyTorch's `OneCycleLR` (Smith and Topin 2019): the rate rises from a 25th of the peak during warm-up, then falls to
/// a 250,000th of the peak, each along half a cosine.
public struct OneCycleSchedule: Schedule, Equatable {
  public let name = "one_cycle"
  /// The share of the steps that the warm-up takes.
  public var warmup: Double

  /// Creates the schedule; by default without warm-up.
  public init(warmup: Double = 0) { self.warmup = warmup }

  public mutating func visit(_ keys: Keys) { keys("warmup", &warmup, .share) }

  public func rate(_ peak: Double, at position: RunPosition) -> Double {
    let (start, end) = (peak / 25, peak / 25 / 1e4)
    // The position of the peak is not rounded to a whole step. If the warm-up is shorter than one step, the peak lies
    // before the first step, and the first rate is already below it.
    let top = warmup * Double(position.steps) - 1
    let last = Double(position.steps) - 1
    let step = Double(position.step)
    if step <= top { return halfCosine(from: start, to: peak, top == 0 ? 1 : step / top) }
    return halfCosine(from: peak, to: end, (step - top) / (last - top))
  }
}
