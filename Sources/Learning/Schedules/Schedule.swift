import Components
import Foundation

/// How the learning rate changes over a run: a pure function of the step.
///
/// To add one, write one file with a type that conforms, and register a value of it:
///
///     Registries.schedules.register(StepDecay())
public protocol Schedule: Component {
  /// The rate of a step.
  ///
  /// - Parameters:
  ///   - peak: the recipe's rate.
  ///   - step: counted from 0.
  ///   - total: how many steps the run has.
  /// - Returns: the rate.
  func rate(_ peak: Double, step: Int, of total: Int) -> Double
}

extension Registries {
  /// The schedules that recipes can name.
  public static let schedules = Registry<any Schedule>(
    "schedule", [ConstantSchedule(), CosineSchedule(), OneCycleSchedule()])
}

/// The steps over which the rate rises first.
struct Warmup {
  /// How many steps.
  let steps: Int

  /// A share of all steps, rounded.
  init(_ share: Double, of total: Int) { steps = Int((share * Double(total)).rounded()) }

  /// The rate of a step that belongs to it, in a straight line; nil for later ones.
  func rate(_ peak: Double, step: Int) -> Double? {
    step < steps ? peak * Double(step + 1) / Double(steps) : nil
  }
}

/// A rate on half a cosine between two rates.
///
/// - Parameters:
///   - start: the rate at the beginning.
///   - end: the rate at the end.
///   - share: how much of the way is gone, from 0 to 1.
/// - Returns: the rate there.
func halfCosine(from start: Double, to end: Double, _ share: Double) -> Double {
  end + (start - end) * (1 + cos(.pi * share)) / 2
}
