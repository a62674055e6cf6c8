import Components
import Foundation
import Tensors

/// A rule that updates parameters by their gradients. The rule is a constant value; its state between updates is a
/// separate value, ``OptimizerState``, which can be saved and restored bit for bit.
///
/// To add an optimizer, write one file with a conforming type and register an instance:
///
///     Registries.optimizers.register(Signum())
public protocol Optimizer: Component {
  /// Identifies the kind of the optimizer's state. Rules with the same state, such as Adam and AdamW, share it. By
  /// default it is the optimizer's name.
  var memory: String { get }

  /// The names of the tensors that the state holds for each parameter, for example `first_moment`. By default there are
  /// none.
  var slots: [String] { get }

  /// Whether the optimizer can continue from a state in which some ``slots`` are missing; false by default.
  var startsSlots: Bool { get }

  /// Computes the parameters after one update.
  ///
  /// - Parameters:
  ///   - parameters: the parameters.
  ///   - gradients: the gradients, in the same order and of the same shapes.
  ///   - updates: each parameter's learning rate and weight decay in this update.
  ///   - state: the optimizer's state. ``OptimizerState/updates`` already counts this update; in the first update there
  ///     are no slots.
  /// - Returns: the updated parameters, in the same order.
  func step(
    _ parameters: [Tensor], _ gradients: [Tensor], updates: [ParameterUpdate], state: inout OptimizerState
  ) -> [Tensor]
}

extension Registries {
  /// The optimizers that recipes can name.
  public static let optimizers = Registry<any Optimizer>(
    "optimizer", [SGD(), Adam(), AdamW(), RMSProp(), LAMB(), Lion()])
}

/// The state of an optimizer between updates.
public struct OptimizerState: Sendable {
  /// The ``Optimizer/memory`` of the optimizer that made the updates; nil before the first.
  public var rule: String?
  /// The number of updates that were made.
  public var updates = 0
  /// The state tensors, one per parameter, by the slot's name.
  public var slots: [String: [Tensor]] = [:]

  /// Creates the state before the first update.
  public init() {}
}

extension Optimizer {
  public var memory: String { name }
  public var slots: [String] { [] }
  public var startsSlots: Bool { false }

  /// Makes one update and counts it in the state.
  ///
  /// - Parameters:
  ///   - parameters: the parameters.
  ///   - gradients: the gradients, in the same order and of the same shapes.
  ///   - updates: each parameter's learning rate and weight decay in this update.
  ///   - state: the optimizer's state.
  /// - Returns: the updated parameters, in the same order.
  public func update(
    _ parameters: [Tensor], _ gradients: [Tensor], updates: [ParameterUpdate], state: inout OptimizerState
  ) -> [Tensor] {
    precondition(parameters.count == gradients.count, "Optimizer: \(gradients.count) gradients")
    precondition(parameters.count == updates.count, "Optimizer: \(updates.count) learning rates")
    state.rule = memory
    state.updates += 1
    return step(parameters, gradients, updates: updates, state: &state)
  }

  /// Converts a saved state to one that this optimizer can continue from. Slots that it does not use are dropped, for
  /// example a velocity after the momentum was set to 0.
  ///
  /// - Parameter state: the saved state, of any optimizer.
  /// - Returns: the state; nil if it belongs to another kind of optimizer, whose counts and moments have another
  ///   meaning.
  public func adopting(_ state: OptimizerState) -> OptimizerState? {
    guard state.updates > 0 else { return OptimizerState() }
    guard state.rule == memory, startsSlots || slots.allSatisfy(state.slots.keys.contains) else { return nil }
    var state = state
    state.slots = state.slots.filter { slots.contains($0.key) }
    return state
  }
}

extension Keys {
  /// Visits the weight decay of an optimizer.
  ///
  /// - Parameters:
  ///   - value: the weight decay λ.
  ///   - standard: the value that `~` stands for.
  public func weightDecay(_ value: inout Double, standard: Double) {
    var stated: Double? = value
    self("weight_decay", &stated, .optional(.number(0...1000)))
    value = stated ?? standard
  }
}

extension [ParameterUpdate] {
  /// The weight decay of each parameter, `standard` where it has none of its own.
  func weightDecays(_ standard: Double) -> [Double] { map { $0.weightDecay ?? standard } }
}

extension Optimizer {
  /// The gradients with an L2 penalty: g + λθ.
  ///
  /// - Parameters:
  ///   - gradients: the gradients.
  ///   - parameters: the parameters θ.
  ///   - decays: the weight decay λ of each parameter.
  /// - Returns: one tensor per parameter.
  public func penalized(_ gradients: [Tensor], _ parameters: [Tensor], _ decays: [Double]) -> [Tensor] {
    gradients.indices.map { decays[$0] == 0 ? gradients[$0] : gradients[$0] + parameters[$0] * decays[$0] }
  }

  /// The parameters after weight decay apart from the gradient: (1 − rate · λ)θ.
  ///
  /// - Parameters:
  ///   - parameters: the parameters θ.
  ///   - updates: the learning rate of each.
  ///   - decays: the weight decay λ of each.
  /// - Returns: one tensor per parameter.
  public func decayed(_ parameters: [Tensor], _ updates: [ParameterUpdate], _ decays: [Double]) -> [Tensor] {
    parameters.indices.map { i in
      decays[i] == 0 ? parameters[i] : parameters[i] * (1 - updates[i].rate * decays[i])
    }
  }
}

extension OptimizerState {
  /// Updates a moving average: slot ← β · slot + (1 − β) · value, where a slot that is missing counts as 0.
  ///
  /// - Parameters:
  ///   - slot: the slot's name.
  ///   - decay: β.
  ///   - values: the new values, one per parameter.
  /// - Returns: the slot's new tensors.
  public mutating func average(_ slot: String, _ decay: Double, _ values: [Tensor]) -> [Tensor] {
    var average = values.map { $0 * (1 - decay) }
    if let old = slots[slot] { average = zip(old, average).map { $0 * decay + $1 } }
    slots[slot] = average
    return average
  }
}

extension Keys {
  /// Visits the two decay rates of an optimizer, the key `betas`.
  public func betas(_ first: inout Double, _ second: inout Double) {
    var betas = [first, second]
    self("betas", &betas, .list(.decay, atLeast: 2))
    guard betas.count == 2 else { return refuse("betas", "expected two numbers, found \(betas.count)") }
    (first, second) = (betas[0], betas[1])
  }

  /// Visits the ε of an optimizer, the key `epsilon`.
  public func epsilon(_ value: inout Double) {
    self("epsilon", &value, .number(1e-30...1, "what is less is 0 in single precision"))
  }
}
