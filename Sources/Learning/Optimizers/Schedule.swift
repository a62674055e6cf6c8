import Foundation

/// How the learning rate changes over a run: a pure function of the step.
public struct Schedule: Sendable, Equatable {
  /// The schedules there are.
  public enum Name: String, Sendable, CaseIterable {
    /// The rate as given.
    case constant
    /// Falling to 0 along half a cosine.
    case cosine
    /// Up from a 25th of the rate while warming up, then down to a 250,000th of it, each along half a cosine: PyTorch's
    /// `OneCycleLR` (Smith and Topin 2019).
    case oneCycle = "one_cycle"
  }

  /// Which schedule.
  public var name: Name
  /// The share of the steps over which the rate rises first; linearly, in the constant and the cosine schedule.
  public var warmup: Double

  /// A schedule.
  public init(_ name: Name = .constant, warmup: Double = 0) { (self.name, self.warmup) = (name, warmup) }

  /// The rate of a step, counted from 0, of `total`.
  public func rate(_ peak: Double, step: Int, of total: Int) -> Double {
    if name == .oneCycle {
      let (start, end) = (peak / 25, peak / 25 / 1e4)
      // Between steps where the warm-up is no whole number of them, and before the first where it is less than one: the first
      // rate is then on its way down already.
      let top = warmup * Double(total) - 1
      let last = Double(total) - 1
      let step = Double(step)
      if step <= top { return Self.cosine(from: start, to: peak, top == 0 ? 1 : step / top) }
      return Self.cosine(from: peak, to: end, (step - top) / (last - top))
    }
    let warm = Int((warmup * Double(total)).rounded())
    if step < warm { return peak * Double(step + 1) / Double(warm) }
    guard name == .cosine else { return peak }
    return Self.cosine(from: peak, to: 0, Double(step - warm) / Double(max(1, total - warm)))
  }

  private static func cosine(from: Double, to: Double, _ share: Double) -> Double {
    to + (from - to) * (1 + cos(.pi * share)) / 2
  }
}
