import Components
import Tensors

/// LAMB (You et al. 2020, "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", algorithm 2): Adam's
/// update r = m̂ / (√v̂ + ε) + λθ of each parameter tensor, scaled to the size of the tensor: θ ← θ − rate · (‖θ‖ / ‖r‖) r.
/// The ratio is 1 where one of the norms is 0.
public struct LAMB: Optimizer, Equatable {
  public let name = "lamb"
  /// Adam, whose weight decay is not used.
  private var adam: Adam
  /// The weight decay λ.
  public var weightDecay: Double

  /// Creates the optimizer with the paper's settings.
  ///
  /// - Parameters:
  ///   - beta1: the decay rate of the first moment.
  ///   - beta2: the decay rate of the second moment.
  ///   - epsilon: is added to the root of the second moment.
  ///   - weightDecay: the weight decay λ.
  public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-6, weightDecay: Double = 0.01) {
    adam = Adam(beta1: beta1, beta2: beta2, epsilon: epsilon)
    self.weightDecay = weightDecay
  }

  public mutating func visit(_ keys: Keys) {
    keys.weightDecay(&weightDecay, standard: 0.01)
    keys.betas(&adam.beta1, &adam.beta2)
    keys.epsilon(&adam.epsilon)
  }

  public var slots: [String] { adam.slots }

  public func step(
    _ parameters: [Tensor], _ gradients: [Tensor], updates: [ParameterUpdate], state: inout OptimizerState
  ) -> [Tensor] {
    let (means, scales) = adam.moves(gradients, &state)
    let directions = penalized(zip(means, scales).map { $0 / $1 }, parameters, updates.weightDecays(weightDecay))
    func norm(_ tensor: Tensor) -> Double { tensor.reshaped([-1]).norm([0]).item }
    return parameters.indices.map { i in
      let (size, length) = (norm(parameters[i]), norm(directions[i]))
      let ratio = size > 0 && length > 0 ? size / length : 1
      return parameters[i] - directions[i] * (ratio * updates[i].rate)
    }
  }
}
