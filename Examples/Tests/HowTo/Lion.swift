import MetasalKit

/// Lion (Chen et al. 2023): θ ← θ − rate · (sign(β₁ m + (1 − β₁) g) + λθ), then m ← β₂ m + (1 − β₂) g, with m = 0 at first.
struct Lion: Optimizer {
  let name = "lion"
  /// β₁ and β₂.
  var betas = [0.9, 0.99]
  /// λ.
  var weightDecay = 0.0

  mutating func visit(_ keys: Keys) {
    keys("betas", &betas, .list(.decay, atLeast: 2))
    keys.weightDecay(&weightDecay, standard: 0)
    if betas.count != 2 { keys.refuse("betas", "expected two numbers, found \(betas.count)") }
  }

  let slots = ["momentum"]

  func step(
    _ parameters: [Tensor], _ gradients: [Tensor], rates: [Double], state: inout OptimizerState
  ) -> [Tensor] {
    let momentum = state.slots["momentum"] ?? gradients.map { .zeros($0.shape, $0.scalarType) }
    func mean(_ beta: Double) -> [Tensor] { zip(momentum, gradients).map { $0 * beta + $1 * (1 - beta) } }
    state.slots["momentum"] = mean(betas[1])
    let means = mean(betas[0])
    return parameters.indices.map { i in
      parameters[i] - (means[i].sign + parameters[i] * weightDecay) * rates[i]
    }
  }
}
