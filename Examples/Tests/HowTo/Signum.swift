import MetasalKit

/// Signum (Bernstein et al. 2018): m ← βm + (1 − β)g, with m = 0 at first, then θ ← θ − rate · (sign m + λθ).
struct Signum: Optimizer {
  let name = "signum"
  /// β.
  var momentum = 0.9
  /// λ.
  var weightDecay = 0.0

  mutating func visit(_ keys: Keys) {
    keys("momentum", &momentum, .decay)
    keys.weightDecay(&weightDecay, standard: 0)
  }

  let slots = ["momentum"]

  func step(
    _ parameters: [Tensor], _ gradients: [Tensor], updates: [ParameterUpdate], state: inout OptimizerState
  ) -> [Tensor] {
    let means = state.average("momentum", momentum, gradients)
    return parameters.indices.map { i in
      let decay = updates[i].weightDecay ?? weightDecay
      return parameters[i] - (means[i].sign + parameters[i] * decay) * updates[i].rate
    }
  }
}
