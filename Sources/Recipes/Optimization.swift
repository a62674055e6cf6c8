import Components
import Learning

extension Recipe {
  /// How the parameters move: the optimizer and its settings, the rate and its schedule. Keys that the optimizer named has no
  /// use for are unknown keys.
  public struct Optimization: Sendable, Section {
    /// The rule.
    public var rule: any Optimizer = Adam()
    /// The learning rate at its peak.
    public var rate = 0.001
    /// How the rate changes over the run.
    public var schedule: any Schedule = ConstantSchedule()
    /// The largest norm of the gradient; nil for any.
    public var clipNorm: Double?

    /// Adam at a constant rate.
    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys.component("name", &rule, of: Registries.optimizers) { keys("rate", &rate, .rate, isRequired: true) }
      keys("schedule", &schedule, .schedule)
      keys("clip_norm", &clipNorm, .optional(.number(1e-12...1e12)))
    }
  }
}

private struct ScheduleSection: Section {
  var schedule: any Schedule = ConstantSchedule()

  mutating func visit(_ keys: Keys) { keys.component("name", &schedule, of: Registries.schedules) }
}

extension Codec<any Schedule> {
  fileprivate static var schedule: Codec {
    by(ScheduleSection.self, { $0.schedule }, { ScheduleSection(schedule: $0) })
  }
}
