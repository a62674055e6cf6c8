import Components
import Saliency

extension InnerUpdate: Section {
  /// An update with a placeholder for the rate, which every recipe must state.
  public init() { self.init(rate: 0.01) }

  public mutating func visit(_ keys: Keys) {
    keys("rate", &rate, .rate, isRequired: true)
    keys("steps", &steps, .integer(1...100))
    keys("loss", &loss, .choice())
    keys("direction", &direction, .choice())
    keys("scope", &scope, .choice())
    keys("order", &order, .choice())
    keys("parameters", &parameters, .optional(.list(.word, atLeast: 1), none: "all"))
    keys("momentum", &momentum, .decay)
    keys("proximal", &proximal, .number(0...1e6))
    var solver = order == .implicit ? solverSteps : nil
    keys("solver_steps", &solver, .alternative(.integer(1...100)))
    if let solver { solverSteps = solver }
    keys("learned_rates", &learnedRates, .optional(.section(), none: "none"))

    for (key, value) in [("momentum", momentum), ("proximal", proximal)] where value > 0 && steps == 1 {
      keys.refuse(key, "it acts from the second step on, and there is one step; raise inner.steps")
    }
    if order == .implicit {
      if proximal == 0 {
        keys.refuse(
          "order", "implicit gradients are those at a minimum with a proximal term; set inner.proximal above 0")
      }
      if learnedRates != nil {
        keys.refuse("learned_rates", "implicit gradients do not depend on the rate, so that nothing would be learned")
      }
    } else if solver != nil {
      keys.refuse("solver_steps", "only 'order: implicit' has a solver")
    }
  }
}

extension InnerUpdate.LearnedRates: Section {
  /// One factor for each tensor.
  public init() { self.init(.layer) }

  public mutating func visit(_ keys: Keys) {
    keys("per", &grain, .choice())
    keys("rate", &rate, .optional(.rate))
  }
}

extension Codec<InnerUpdate> {
  static var inner: Codec { .section() }
}
