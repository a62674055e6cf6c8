import Components
import Foundation
import Tensors

/// A rule that updates parameters by their gradients. The rule is a constant value; its state between updates is a
/// separate value, ``OptimizerState``, which can be saved and restored bit for bit.
///
/// To add an optimizer, write one file with a conforming type and register an instance:
///
///     Registries.optimizers.register(Lion())
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
  ///   - rates: each parameter's learning rate in this update.
  ///   - state: the optimizer's state. ``OptimizerState/updates`` already counts this update; in the first update there
  ///     are no slots.
  /// - Returns: the updated parameters, in the same order.
  func step(_ parameters: [Tensor], _ gradients: [Tensor], rates: [Double], state: inout OptimizerState) -> [Tensor]
}

extension Registries {
  /// The optimizers that recipes can name.
  public static let optimizers = Registry<any Optimizer>("optimizer", [SGD(), Adam(), AdamW()])
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
  ///   - rates: each parameter's learning rate in this update.
  ///   - state: the optimizer's state.
  /// - Returns: the updated parameters, in the same order.
  public func update(
    _ parameters: [Tensor], _ gradients: [Tensor], rates: [Double], state: inout OptimizerState
  ) -> [Tensor] {
    precondition(parameters.count == gradients.count, "Optimizer: \(gradients.count) gradients")
    precondition(parameters.count == rates.count, "Optimizer: \(rates.count) learning rates")
    state.rule = memory
    state.updates += 1
    return step(parameters, gradients, rates: rates, state: &state)
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

/// Scales gradients so that their total L2 norm is at most `limit`, like PyTorch's `clip_grad_norm_`, which also adds
/// 1e-6 to the norm. The second result is the norm before scaling.
public func clipped(_ gradients: [Tensor], toNorm limit: Double?) -> (gradients: [Tensor], norm: Double) {
  let norm = gradients.reduce(0.0) { hypot($0, $1.detached().reshaped([-1]).norm([0]).item) }
  guard let limit, norm.isFinite, limit / (norm + 1e-6) < 1 else { return (gradients, norm) }
  return (gradients.map { $0 * (limit / (norm + 1e-6)) }, norm)
}
