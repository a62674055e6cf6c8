import Components
import Tensors

/// Stochastic gradient descent with momentum, as in PyTorch's `SGD`: v ← μv + g + λθ (in the first update v ← g + λθ)
/// and θ ← θ − rate · v, or with Nesterov momentum θ ← θ − rate · (g + λθ + μv).
public struct SGD: Optimizer, Equatable {
  public let name = "sgd"
  /// The momentum μ, in [0, 1).
  public var momentum: Double
  /// The weight decay λ, an L2 penalty that is added to the gradient.
  public var weightDecay: Double
  /// Whether the momentum is Nesterov's.
  public var isNesterov: Bool

  /// Creates the optimizer; by default without momentum and weight decay.
  public init(momentum: Double = 0, weightDecay: Double = 0, isNesterov: Bool = false) {
    (self.momentum, self.weightDecay, self.isNesterov) = (momentum, weightDecay, isNesterov)
  }

  public mutating func visit(_ keys: Keys) {
    keys.weightDecay(&weightDecay, standard: 0)
    keys("momentum", &momentum, .decay)
    keys("nesterov", &isNesterov, .boolean)
    if isNesterov && momentum == 0 { keys.refuse("nesterov", "needs a momentum above 0") }
  }

  /// The name of the momentum buffer.
  private static let velocity = "velocity"

  public var slots: [String] { momentum == 0 ? [] : [Self.velocity] }

  /// The velocity starts from the gradient in whichever update comes first.
  public var startsSlots: Bool { true }

  public func step(
    _ parameters: [Tensor], _ gradients: [Tensor], updates: [ParameterUpdate], state: inout OptimizerState
  ) -> [Tensor] {
    let derivatives = penalized(gradients, parameters, updates.weightDecays(weightDecay))
    func moved(_ moves: [Tensor]) -> [Tensor] {
      parameters.indices.map { parameters[$0] - moves[$0] * updates[$0].rate }
    }
    guard momentum != 0 else { return moved(derivatives) }
    let velocity = state.slots[Self.velocity].map { zip($0, derivatives).map { $0 * momentum + $1 } } ?? derivatives
    state.slots[Self.velocity] = velocity
    let moves = isNesterov ? zip(derivatives, velocity).map { $0 + $1 * momentum } : velocity
    return moved(moves)
  }
}
