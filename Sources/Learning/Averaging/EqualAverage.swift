import Components

/// Stochastic weight averaging (Izmailov et al. 2018): the mean of the weights after some updates of the last part of a
/// run, as by PyTorch's `AveragedModel`.
public struct EqualAverage: WeightAveraging, Equatable {
  public let name = "swa"
  /// The share of the run's updates before the average begins.
  public var start: Double
  /// The number of updates from one that counts to the next.
  public var every: Int

  /// The mean; by default over all updates of the last quarter of a run.
  public init(start: Double = 0.75, every: Int = 1) { (self.start, self.every) = (start, every) }

  public mutating func visit(_ keys: Keys) {
    keys("start", &start, .share)
    keys("every", &every, .count(from: 1))
  }

  public func share(after count: Int, at position: RunPosition) -> Double? {
    let first = min(position.steps, Int((start * Double(position.steps)).rounded()) + 1)
    guard position.step >= first, (position.step - first) % every == 0 else { return nil }
    return 1 / Double(count + 1)
  }
}
