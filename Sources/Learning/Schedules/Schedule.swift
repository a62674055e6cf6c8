import Components
import Foundation

/// The learning rate as a function of the step.
///
/// To add a schedule, write one file with a conforming type and register an instance:
///
///     Registries.schedules.register(StepDecay())
public protocol Schedule: Component {
  /// The learning rate of a step.
  ///
  /// - Parameters:
  ///   - peak: the recipe's rate.
  ///   - step: the step, from 0.
  ///   - total: the number of steps of the run.
  /// - Returns: the rate.
  func rate(_ peak: Double, step: Int, of total: Int) -> Double
}

extension Registries {
  /// The schedules that recipes can name.
  public static let schedules = Registry<any Schedule>(
    "schedule", [ConstantSchedule(), CosineSchedule(), OneCycleSchedule()])
}

/// A linear warm-up of the learning rate.
struct Warmup {
  /// The number of warm-up steps.
  let steps: Int

  /// Creates a warm-up over a share of all steps, rounded to whole steps.
  init(_ share: Double, of total: Int) { steps = Int((share * Double(total)).rounded()) }

  /// The rate of a warm-up step; nil for later steps.
  func rate(_ peak: Double, step: Int) -> Double? {
    step < steps ? peak * Double(step + 1) / Double(steps) : nil
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
