import Foundation
import Tensors

/// Adam (Kingma and Ba 2015) and, where the weight decay is decoupled from the gradient, AdamW (Loshchilov and Hutter 2019),
/// as PyTorch has them.
public struct Adam: Sendable, Equatable {
  /// Decay of the first and the second moment.
  public var beta1, beta2: Double
  /// Added to the root of the second moment.
  public var epsilon: Double
  /// λ: how strongly parameters are drawn to 0.
  public var weightDecay: Double
  /// Whether the decay acts on the parameters (AdamW) or on the gradient (Adam).
  public var isDecayDecoupled: Bool

  /// Adam with PyTorch's defaults.
  public init(
    beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0,
    isDecayDecoupled: Bool = false
  ) {
    (self.beta1, self.beta2, self.epsilon) = (beta1, beta2, epsilon)
    (self.weightDecay, self.isDecayDecoupled) = (weightDecay, isDecayDecoupled)
  }

  /// What is remembered.
  static let moments = ["first_moment", "second_moment"]

  func update(_ parameters: [Tensor], _ gradients: [Tensor], rate: Double, state: inout Optimizer.State) -> [Tensor] {
    var (parameters, gradients) = (parameters, gradients)
    if weightDecay != 0 {
      if isDecayDecoupled {
        parameters = parameters.map { $0 * (1 - rate * weightDecay) }
      } else {
        gradients = zip(parameters, gradients).map { $1 + $0 * weightDecay }
      }
    }
    func moment(_ name: String, _ decay: Double, _ news: [Tensor]) -> [Tensor] {
      var moment = news.map { $0 * (1 - decay) }
      if let old = state.slots[name] { moment = zip(old, moment).map { $0 * decay + $1 } }
      state.slots[name] = moment
      return moment
    }
    let first = moment(Self.moments[0], beta1, gradients)
    let second = moment(Self.moments[1], beta2, gradients.map(\.squared))
    let step = rate / (1 - pow(beta1, Double(state.updates)))
    let correction = (1 - pow(beta2, Double(state.updates))).squareRoot()
    return parameters.indices.map { i in
      let scale = second[i].sqrt / correction + epsilon
      return parameters[i] - first[i] / scale * step
    }
  }
}
