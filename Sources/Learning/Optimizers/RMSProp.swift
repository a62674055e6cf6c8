import Components
import Tensors

/// RMSProp (Tieleman and Hinton 2012), as in PyTorch: with the gradient g ← g + λθ, v ← αv + (1 − α)g², and θ ← θ − rate
/// · g / (√v + ε). If it is centered, v is less the square of the moving average of g: an estimate of the variance
/// (Graves 2013). With momentum, b ← μb + g / (√v + ε) and θ ← θ − rate · b.
public struct RMSProp: Optimizer, Equatable {
  public let name = "rmsprop"
  /// The decay rate α of the mean square.
  public var alpha: Double
  /// ε, which is added to the root of the mean square.
  public var epsilon: Double
  /// The momentum μ, in [0, 1).
  public var momentum: Double
  /// Whether the mean square is less the square of the mean.
  public var isCentered: Bool
  /// The weight decay λ, an L2 penalty that is added to the gradient.
  public var weightDecay: Double

  /// Creates the optimizer with PyTorch's defaults.
  public init(
    alpha: Double = 0.99, epsilon: Double = 1e-8, momentum: Double = 0, isCentered: Bool = false,
    weightDecay: Double = 0
  ) {
    (self.alpha, self.epsilon, self.momentum) = (alpha, epsilon, momentum)
    (self.isCentered, self.weightDecay) = (isCentered, weightDecay)
  }

  public mutating func visit(_ keys: Keys) {
    keys.weightDecay(&weightDecay, standard: 0)
    keys("alpha", &alpha, .decay)
    keys.epsilon(&epsilon)
    keys("momentum", &momentum, .decay)
    keys("centered", &isCentered, .boolean)
  }

  /// The names of the state tensors.
  private static let (square, mean, velocity) = ("mean_square", "mean_gradient", "velocity")

  public var slots: [String] {
    [Self.square] + (isCentered ? [Self.mean] : []) + (momentum == 0 ? [] : [Self.velocity])
  }

  public func step(
    _ parameters: [Tensor], _ gradients: [Tensor], updates: [ParameterUpdate], state: inout OptimizerState
  ) -> [Tensor] {
    let gradients = penalized(gradients, parameters, updates.weightDecays(weightDecay))
    var squares = state.average(Self.square, alpha, gradients.map(\.squared))
    if isCentered { squares = zip(squares, state.average(Self.mean, alpha, gradients)).map { $0 - $1.squared } }
    var moves = zip(gradients, squares).map { $0 / ($1.sqrt + epsilon) }
    if momentum != 0 {
      if let old = state.slots[Self.velocity] { moves = zip(old, moves).map { $0 * momentum + $1 } }
      state.slots[Self.velocity] = moves
    }
    return parameters.indices.map { parameters[$0] - moves[$0] * updates[$0].rate }
  }
}
