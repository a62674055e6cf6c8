import Foundation
import Tensors

/// How parameters move on a gradient: a rule, as a value. Its memory is a value of its own, so that it can be saved and
/// given back bit for bit.
public enum Optimizer: Sendable, Equatable {
  case sgd(SGD)
  case adam(Adam)

  /// What the rule remembers between updates.
  public struct State: Sendable {
    /// The ``Optimizer/name`` of the rule that made the updates; nil before the first.
    public var rule: String?
    /// Updates made.
    public var updates = 0
    /// One tensor per parameter for each thing remembered, by its name.
    public var slots: [String: [Tensor]] = [:]
    /// Nothing remembered yet.
    public init() {}
  }

  /// The rule's name, by which its memory is told from others'. Adam and AdamW remember the same.
  public var name: String {
    switch self {
    case .sgd: "sgd"
    case .adam: "adam"
    }
  }

  /// A memory as the rule goes on with it: of its own updates, and of nothing that it does not remember itself, such as a
  /// velocity from before the momentum was set to 0; nil if it is another rule's. Counts and moments mean something else there.
  public func adopting(_ state: State) -> State? {
    guard state.updates > 0 else { return State() }
    guard state.rule == name else { return nil }
    var state = state
    switch self {
    case .sgd(let rule): state.slots = rule.momentum == 0 ? [:] : state.slots.filter { $0.key == SGD.velocity }
    case .adam: guard Adam.moments.allSatisfy(state.slots.keys.contains) else { return nil }
    }
    return state
  }

  /// The parameters after one update.
  ///
  /// - Parameters:
  ///   - parameters, gradients: in the same order and of the same shapes.
  ///   - rate: the learning rate of this update.
  public func update(
    _ parameters: [Tensor], _ gradients: [Tensor], rate: Double, state: inout State
  ) -> [Tensor] {
    precondition(parameters.count == gradients.count, "Optimizer: \(gradients.count) gradients")
    state.rule = name
    state.updates += 1
    switch self {
    case .sgd(let rule): return rule.update(parameters, gradients, rate: rate, state: &state)
    case .adam(let rule): return rule.update(parameters, gradients, rate: rate, state: &state)
    }
  }
}

/// The gradients scaled so that their common L2 norm is at most `limit`, and the norm before: as PyTorch's
/// `clip_grad_norm_` does, with 1e-6 added to the norm.
public func clipped(_ gradients: [Tensor], toNorm limit: Double?) -> (gradients: [Tensor], norm: Double) {
  let norm = gradients.reduce(0.0) { hypot($0, $1.detached().reshaped([-1]).norm([0]).item) }
  guard let limit, norm.isFinite, limit / (norm + 1e-6) < 1 else { return (gradients, norm) }
  return (gradients.map { $0 * (limit / (norm + 1e-6)) }, norm)
}
