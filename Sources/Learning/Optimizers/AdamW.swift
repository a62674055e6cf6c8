import Components
import Tensors

/// AdamW (Loshchilov and Hutter 2019), as PyTorch has it: θ ← (1 − rate · λ)θ, then Adam's update on the gradient without
/// weight decay.
public struct AdamW: Optimizer, Equatable {
  public let name = "adamw"
  /// Adam, whose weight decay acts on the parameters and not on the gradient.
  private var adam: Adam

  /// PyTorch's default of the weight decay.
  public static let standardDecay = 0.01

  /// AdamW with PyTorch's defaults.
  ///
  /// - Parameters:
  ///   - beta1: decay of the first moment.
  ///   - beta2: decay of the second moment.
  ///   - epsilon: added to the root of the second moment.
  ///   - weightDecay: λ, how strongly parameters are drawn to 0.
  public init(
    beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = standardDecay
  ) {
    adam = Adam(beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay)
  }

  public mutating func visit(_ keys: Keys) { adam.visit(keys, standardDecay: Self.standardDecay) }

  /// It remembers what Adam does, and each goes on with the other's memory.
  public var memory: String { adam.memory }
  public var slots: [String] { adam.slots }

  public func step(
    _ parameters: [Tensor], _ gradients: [Tensor], rate: Double, state: inout OptimizerState
  ) -> [Tensor] {
    var (rule, decayed) = (adam, parameters)
    if rule.weightDecay != 0 { decayed = parameters.map { $0 * (1 - rate * rule.weightDecay) } }
    rule.weightDecay = 0
    return rule.step(decayed, gradients, rate: rate, state: &state)
  }
}
