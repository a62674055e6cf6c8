import Components
import Tensors

/// Lion (Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2): θ ← θ − rate · (sign(β₁m + (1 −
/// β₁)g) + λθ), then m ← β₂m + (1 − β₂)g, with m = 0 at first. Every element moves by the same amount, so the rate is
/// usually a third to a tenth of Adam's, and the weight decay as much larger.
public struct Lion: Optimizer, Equatable {
  public let name = "lion"
  /// The decay rate β₁ of the direction, and that of the momentum, β₂.
  public var beta1, beta2: Double
  /// The weight decay λ.
  public var weightDecay: Double

  /// Creates the optimizer with the paper's settings.
  public init(beta1: Double = 0.9, beta2: Double = 0.99, weightDecay: Double = 0) {
    (self.beta1, self.beta2, self.weightDecay) = (beta1, beta2, weightDecay)
  }

  public mutating func visit(_ keys: Keys) {
    keys.weightDecay(&weightDecay, standard: 0)
    keys.betas(&beta1, &beta2)
  }

  public let slots = ["momentum"]

  public func step(
    _ parameters: [Tensor], _ gradients: [Tensor], updates: [ParameterUpdate], state: inout OptimizerState
  ) -> [Tensor] {
    let old = state.slots[slots[0]] ?? gradients.map { .zeros($0.shape, $0.scalarType) }
    let directions = zip(old, gradients).map { ($0 * beta1 + $1 * (1 - beta1)).sign }
    _ = state.average(slots[0], beta2, gradients)
    let decayed = decayed(parameters, updates, updates.weightDecays(weightDecay))
    return parameters.indices.map { decayed[$0] - directions[$0] * updates[$0].rate }
  }
}
