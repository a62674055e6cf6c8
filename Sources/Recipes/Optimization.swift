import Components
import Learning

extension Recipe {
  /// How the parameters move. Keys that the optimizer named has no use for are unknown keys.
  public struct Optimization: Sendable, Section {
    /// The rule.
    public var name = Name.adam
    /// The learning rate at its peak.
    public var rate = 0.001
    /// How the rate changes over the run.
    public var schedule = Schedule()
    /// The largest norm of the gradient; nil for any.
    public var clipNorm: Double?
    /// How strongly parameters are drawn to 0; nil for PyTorch's default: 0.01 for adamw, 0 for the others.
    public var weightDecay: Double?
    /// For sgd.
    public var momentum = 0.0
    /// For sgd.
    public var isNesterov = false
    /// Decays of the first and second moment, for adam and adamw.
    public var betas = [0.9, 0.999]
    /// For adam and adamw.
    public var epsilon = 1e-8

    /// The rules there are.
    public enum Name: String, Sendable, CaseIterable { case sgd, adam, adamw }

    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys("name", &name, .choice(), isRequired: true)
      keys("rate", &rate, .rate, isRequired: true)
      weightDecay = weightDecay ?? defaultWeightDecay
      keys("weight_decay", &weightDecay, .optional(.number(0...1000)))
      switch name {
      case .sgd:
        keys("momentum", &momentum, .decay)
        keys("nesterov", &isNesterov, .boolean)
        if isNesterov && momentum == 0 { keys.refuse("nesterov", "needs a momentum above 0") }
      case .adam, .adamw:
        keys("betas", &betas, .list(.decay, atLeast: 2))
        keys("epsilon", &epsilon, .number(1e-30...1, "what is less is 0 in single precision"))
        if betas.count != 2 { keys.refuse("betas", "expected two numbers, found \(betas.count)") }
      }
      keys("schedule", &schedule, .schedule)
      keys("clip_norm", &clipNorm, .optional(.number(1e-12...1e12)))
    }

    private var defaultWeightDecay: Double { name == .adamw ? 0.01 : 0 }

    /// The rule with its settings.
    public var optimizer: Optimizer {
      let weightDecay = weightDecay ?? defaultWeightDecay
      switch name {
      case .sgd: return .sgd(SGD(momentum: momentum, weightDecay: weightDecay, isNesterov: isNesterov))
      case .adam, .adamw:
        return .adam(
          Adam(
            beta1: betas[0], beta2: betas[1], epsilon: epsilon, weightDecay: weightDecay,
            isDecayDecoupled: name == .adamw))
      }
    }
  }
}
