import Components
import Foundation
import Tensors

/// How parameters move on a gradient. A rule is a value that never changes; what it remembers between updates is a value of
/// its own, ``OptimizerState``, so that it can be saved and given back bit for bit.
///
/// To add one, write one file with a type that conforms, and register a value of it:
///
///     Registries.optimizers.register(Lion())
public protocol Optimizer: Component {
  /// By what its memory is told from those of other rules. Rules that remember the same, such as Adam and AdamW, share it. The
  /// rule's name, unless told otherwise.
  var memory: String { get }

  /// What is remembered for each parameter between updates, by name: `first_moment`. Nothing unless told otherwise.
  var slots: [String] { get }

  /// Whether the rule can go on where some of its ``slots`` are missing. It cannot, unless told otherwise.
  var startsSlots: Bool { get }

  /// The parameters after one update.
  ///
  /// - Parameters:
  ///   - parameters: what moves.
  ///   - gradients: in the same order and of the same shapes.
  ///   - rate: the learning rate of this update.
  ///   - state: what is remembered. ``OptimizerState/updates`` counts this update already; slots are missing in the first one.
  /// - Returns: the parameters moved, in the same order.
  func step(_ parameters: [Tensor], _ gradients: [Tensor], rate: Double, state: inout OptimizerState) -> [Tensor]
}

extension Registries {
  /// The optimizers that recipes can name.
  public static let optimizers = Registry<any Optimizer>("optimizer", [SGD(), Adam(), AdamW()])
}

/// What an optimizer remembers between updates.
public struct OptimizerState: Sendable {
  /// The ``Optimizer/memory`` of the rule that made the updates; nil before the first.
  public var rule: String?
  /// Updates made.
  public var updates = 0
  /// One tensor per parameter for each thing remembered, by its name.
  public var slots: [String: [Tensor]] = [:]

  /// Nothing remembered yet.
  public init() {}
}

extension Optimizer {
  public var memory: String { name }
  public var slots: [String] { [] }
  public var startsSlots: Bool { false }

  /// The parameters after one update, which the state counts.
  ///
  /// - Parameters:
  ///   - parameters: what moves.
  ///   - gradients: in the same order and of the same shapes.
  ///   - rate: the learning rate of this update.
  ///   - state: what is remembered.
  /// - Returns: the parameters moved, in the same order.
  public func update(
    _ parameters: [Tensor], _ gradients: [Tensor], rate: Double, state: inout OptimizerState
  ) -> [Tensor] {
    precondition(parameters.count == gradients.count, "Optimizer: \(gradients.count) gradients")
    state.rule = memory
    state.updates += 1
    return step(parameters, gradients, rate: rate, state: &state)
  }

  /// A memory as the rule goes on with it: of its own updates, and of nothing that it does not remember itself, such as a
  /// velocity from before the momentum was set to 0.
  ///
  /// - Parameter state: what some rule left.
  /// - Returns: the memory; nil if it is another rule's, whose counts and moments mean something else.
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
  ///   - value: λ.
  ///   - standard: what `~` stands for.
  public func weightDecay(_ value: inout Double, standard: Double) {
    var stated: Double? = value
    self("weight_decay", &stated, .optional(.number(0...1000)))
    value = stated ?? standard
  }
}

/// The gradients scaled so that their common L2 norm is at most `limit`, and the norm before: as PyTorch's
/// `clip_grad_norm_` does, with 1e-6 added to the norm.
public func clipped(_ gradients: [Tensor], toNorm limit: Double?) -> (gradients: [Tensor], norm: Double) {
  let norm = gradients.reduce(0.0) { hypot($0, $1.detached().reshaped([-1]).norm([0]).item) }
  guard let limit, norm.isFinite, limit / (norm + 1e-6) < 1 else { return (gradients, norm) }
  return (gradients.map { $0 * (limit / (norm + 1e-6)) }, norm)
}
