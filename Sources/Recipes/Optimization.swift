import Components
import Learning

extension Recipe {
  /// The optimizer and its settings, the learning rate and its schedule. Keys that the chosen optimizer does not use
  /// are reported as unknown keys.
  public struct Optimization: Sendable, Section {
    /// The optimizer.
    public var rule: any Optimizer = Adam()
    /// The peak learning rate.
    public var rate = 0.001
    /// The schedule of the learning rate.
    public var schedule: any Schedule = ConstantSchedule()
    /// The parameters that are trained, and those with settings of their own.
    public var parameters = ParameterGroups()
    /// The number of batches whose images make one update. Its gradient is that of a batch so many times as large; only
    /// what images of a batch share, such as batch statistics, is shared within a batch.
    public var accumulate = 1
    /// How gradients are limited; nil for no limit.
    public var clipping: (any GradientClipping)?
    /// How weights are averaged for evaluation and export; nil for the weights themselves.
    public var averaging: (any WeightAveraging)?

    /// Adam with a constant learning rate.
    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys.component("name", &rule, of: Registries.optimizers) { keys("rate", &rate, .rate, isRequired: true) }
      keys("schedule", &schedule, .schedule)
      parameters.visit(keys)
      keys("accumulate", &accumulate, .integer(1...65_536))
      keys("clip", &clipping, .optional(.component(Registries.clippings), none: "none"))
      keys("average", &averaging, .optional(.component(Registries.averagings), none: "none"))
    }
  }
}

private struct ScheduleSection: Section {
  var schedule: any Schedule = ConstantSchedule()

  mutating func visit(_ keys: Keys) { keys.component("name", &schedule, of: Registries.schedules) }
}

extension Codec<any Schedule> {
  static var schedule: Codec {
    by(ScheduleSection.self, { $0.schedule }, { ScheduleSection(schedule: $0) })
  }
}
