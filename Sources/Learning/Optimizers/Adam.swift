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
    var betas = [beta1, beta2]
    keys("betas", &betas, .list(.decay, atLeast: 2))
    keys("epsilon", &epsilon, .number(1e-30...1, "what is less is 0 in single precision"))
    guard betas.count == 2 else { return keys.refuse("betas", "expected two numbers, found \(betas.count)") }
    (beta1, beta2) = (betas[0], betas[1])
  }

  /// The names of the two moments.
  private static let (first, second) = ("first_moment", "second_moment")

  public var slots: [String] { [Self.first, Self.second] }

  public func step(
    _ parameters: [Tensor], _ gradients: [Tensor], rates: [Double], state: inout OptimizerState
  ) -> [Tensor] {
    var gradients = gradients
    if weightDecay != 0 { gradients = zip(parameters, gradients).map { $1 + $0 * weightDecay } }
    func moment(_ name: String, _ decay: Double, _ news: [Tensor]) -> [Tensor] {
      var moment = news.map { $0 * (1 - decay) }
      if let old = state.slots[name] { moment = zip(old, moment).map { $0 * decay + $1 } }
      state.slots[name] = moment
      return moment
    }
    let first = moment(Self.first, beta1, gradients)
    let second = moment(Self.second, beta2, gradients.map(\.squared))
    let steps = rates.map { $0 / (1 - pow(beta1, Double(state.updates))) }
    let correction = (1 - pow(beta2, Double(state.updates))).squareRoot()
    return parameters.indices.map { i in
      let scale = second[i].sqrt / correction + epsilon
      return parameters[i] - first[i] / scale * steps[i]
    }
  }
}
