import Components
import Tensors

/// AdamW (Loshchilov and Hutter 2019), as in PyTorch: θ ← (1 − rate · λ)θ, followed by Adam's update without weight
/// decay in the gradient.
public struct AdamW: Optimizer, Equatable {
  public let name = "adamw"
  /// Adam, whose weight decay here acts on the parameters instead of the gradient.
  private var adam: Adam

  /// PyTorch's default weight decay.
  public static let standardDecay = 0.01

  /// Creates the optimizer with PyTorch's defaults.
  ///
  /// - Parameters:
  ///   - beta1: the decay rate of the first moment.
  ///   - beta2: the decay rate of the second moment.
  ///   - epsilon: is added to the root of the second moment.
  ///   - weightDecay: the weight decay λ.
  public init(
    beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = standardDecay
  ) {
    adam = Adam(beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay)
  }

  public mutating func visit(_ keys: Keys) { adam.visit(keys, standardDecay: Self.standardDecay) }

  /// AdamW has the same state as Adam, so that either can continue from the other's.
  public var memory: String { adam.memory }
  public var slots: [String] { adam.slots }

  public func step(
    _ parameters: [Tensor], _ gradients: [Tensor], updates: [ParameterUpdate], state: inout OptimizerState
  ) -> [Tensor] {
    let decayed = decayed(parameters, updates, updates.weightDecays(adam.weightDecay))
    return adam.step(
      decayed, gradients, updates: updates.map { ParameterUpdate(rate: $0.rate, weightDecay: 0) }, state: &state)
  }
}
