import Components
import Foundation

/// The point of a run at which a schedule is asked for a rate.
public struct RunPosition: Sendable {
  /// The step, from 0.
  public var step: Int
  /// The number of steps of the run.
  public var steps: Int
  /// The outer loss on the validation images at each evaluation so far, from the one before training.
  public var scores: [Double]

  /// A position; without evaluations unless they are given.
  public init(step: Int, of steps: Int, scores: [Double] = []) {
    (self.step, self.steps, self.scores) = (step, steps, scores)
  }
}

/// The learning rate as a function of the step and of the evaluations so far. It is a pure function, so that a resumed run
/// needs nothing of it.
///
/// To add a schedule, write one file with a conforming type and register an instance:
///
///     Registries.schedules.register(InverseRoot())
public protocol Schedule: Component {
  /// Whether the rate depends on ``RunPosition/scores``, so that a run has to evaluate its network; false by default.
  var usesScores: Bool { get }

  /// The learning rate of a step.
  ///
  /// - Parameters:
  ///   - peak: the recipe's rate.
  ///   - position: the step and the evaluations before it.
  /// - Returns: the rate.
  func rate(_ peak: Double, at position: RunPosition) -> Double
}

extension Schedule {
  public var usesScores: Bool { false }

  /// The learning rate of a step in a run without evaluations.
  ///
  /// - Parameters:
  ///   - peak: the recipe's rate.
  ///   - step: the step, from 0.
  ///   - total: the number of steps of the run.
  /// - Returns: the rate.
  public func rate(_ peak: Double, step: Int, of total: Int) -> Double {
    rate(peak, at: RunPosition(step: step, of: total))
  }
}

extension Registries {
  /// The schedules that recipes can name.
  public static let schedules = Registry<any Schedule>(
    "schedule",
    [
      ConstantSchedule(), CosineSchedule(), OneCycleSchedule(), StepSchedule(), MultiStepSchedule(),
      ExponentialSchedule(), PolynomialSchedule(), PlateauSchedule(),
    ])
}

/// A schedule with a linear warm-up: the rate rises to the recipe's, and what the schedule says begins after that.
public protocol WarmUpSchedule: Schedule {
  /// The share of the steps that the warm-up takes; it is rounded to whole steps.
  var warmup: Double { get set }

  /// The learning rate of a step after the warm-up.
  ///
  /// - Parameters:
  ///   - peak: the recipe's rate.
  ///   - position: the step and the number of steps, both counted from the end of the warm-up.
  /// - Returns: the rate.
  func rateAfterWarmup(_ peak: Double, at position: RunPosition) -> Double
}

extension WarmUpSchedule {
  public func rate(_ peak: Double, at position: RunPosition) -> Double {
    let rising = Int((warmup * Double(position.steps)).rounded())
    guard position.step >= rising else { return peak * Double(position.step + 1) / Double(rising) }
    var position = position
    (position.step, position.steps) = (position.step - rising, position.steps - rising)
    return rateAfterWarmup(peak, at: position)
  }
}

/// Interpolates between two rates along half a cosine.
///
/// - Parameters:
///   - start: the rate at the beginning.
///   - end: the rate at the end.
///   - share: the position between both, from 0 to 1.
/// - Returns: the rate at this position.
func halfCosine(from start: Double, to end: Double, _ share: Double) -> Double {
  end + (start - end) * (1 + cos(.pi * share)) / 2
}
