import Components
import Foundation
import Tensors

/// Adam (Kingma and Ba 2015), as in PyTorch: with the gradient g + λθ, m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g² and θ
/// ← θ − rate · m̂ / (√v̂ + ε), where m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) in update t.
public struct Adam: Optimizer, Equatable {
  public let name = "adam"
  /// The decay rates of the first and the second moment, β₁ and β₂.
  public var beta1, beta2: Double
  /// ε, which is added to the root of the second moment.
  public var epsilon: Double
  /// The weight decay λ, an L2 penalty that is added to the gradient.
  public var weightDecay: Double

  /// Creates the optimizer with PyTorch's defaults.
  public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0) {
    (self.beta1, self.beta2, self.epsilon, self.weightDecay) = (beta1, beta2, epsilon, weightDecay)
  }

  public mutating func visit(_ keys: Keys) { visit(keys, standardDecay: 0) }

  /// Visits the keys that Adam and AdamW share.
  ///
  /// - Parameters:
  ///   - keys: the keys.
  ///   - standardDecay: the weight decay that `~` stands for.
  mutating func visit(_ keys: Keys, standardDecay: Double) {
    keys.weightDecay(&weightDecay, standard: standardDecay)
    keys.betas(&beta1, &beta2)
    keys.epsilon(&epsilon)
  }

  /// The names of the two moments.
  private static let (first, second) = ("first_moment", "second_moment")

  public var slots: [String] { [Self.first, Self.second] }

  public func step(
    _ parameters: [Tensor], _ gradients: [Tensor], updates: [ParameterUpdate], state: inout OptimizerState
  ) -> [Tensor] {
    let gradients = penalized(gradients, parameters, updates.weightDecays(weightDecay))
    let (moves, scales) = moves(gradients, &state)
    return parameters.indices.map { parameters[$0] - moves[$0] / scales[$0] * updates[$0].rate }
  }

  /// The two parts of an update for gradients, of which LAMB makes use too: m̂ and √v̂ + ε.
  func moves(_ gradients: [Tensor], _ state: inout OptimizerState) -> (means: [Tensor], scales: [Tensor]) {
    let first = state.average(Self.first, beta1, gradients)
    let second = state.average(Self.second, beta2, gradients.map(\.squared))
    let count = Double(state.updates)
    let (bias, root) = (1 - pow(beta1, count), (1 - pow(beta2, count)).squareRoot())
    return (first.map { $0 / bias }, second.map { $0.sqrt / root + epsilon })
  }
}
