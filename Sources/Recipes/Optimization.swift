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
    /// Parameters with a learning rate of their own.
    public var groups: [ParameterGroup] = []
    /// The norm to which gradients are clipped; nil for no clipping.
    public var clipNorm: Double?

    /// Adam with a constant learning rate.
    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys.component("name", &rule, of: Registries.optimizers) { keys("rate", &rate, .rate, isRequired: true) }
      keys("schedule", &schedule, .schedule)
      keys("groups", &groups, .list(.section()))
      keys("clip_norm", &clipNorm, .optional(.number(1e-12...1e12)))
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
