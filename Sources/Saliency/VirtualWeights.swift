import Networks
import Tensors

/// The weights of a virtual update on their way from the network's own weights θ. With displacements δ = ∓rate · ∇ℓ(φ), a step
/// is v ← μv + δ − rate · λ(φ − θ) and φ ← φ + r ⊙ v, where μ is the momentum, λ the weight of the proximal term and r the
/// learned factors of the rate. None of it is tracked.
package struct VirtualWeights: Sendable {
  /// The weights φ.
  package private(set) var values: [Tensor]
  /// The velocities v of the last step, nil for parameters that do not move; empty where nothing needs them.
  package private(set) var velocities: [Tensor?] = []
  private let update: InnerUpdate
  private let factors: [Tensor]
  private let start: [Tensor]
  private var isMoved = false

  /// The weights before the first step, those of a network.
  package init(_ update: InnerUpdate, of network: Network) {
    (self.update, factors) = (update, network.rateFactors)
    values = network.parameters.map { $0.detached() }
    start = update.proximal > 0 ? values : []
  }

  /// Makes a step.
  ///
  /// Where velocities are not needed, the new weights are written into the storage of the displacements, because the
  /// parameters can take more memory than everything else.
  ///
  /// - Parameter displacements: δ for each parameter; nil for those that do not move.
  package mutating func move(by displacements: consuming [Tensor?]) {
    var moves = displacements
    if isMoved {
      for index in moves.indices {
        if update.momentum > 0, let velocity = velocities[index] {
          moves[index]?.accumulate(velocity, times: update.momentum)
        }
        if update.proximal > 0 {
          moves[index]?.accumulate(values[index] - start[index], times: -update.rate * update.proximal)
        }
      }
    }
    isMoved = true
    velocities = update.momentum > 0 || !factors.isEmpty ? moves : []
    for index in moves.indices {
      var move: Tensor?
      swap(&move, &moves[index])
      if !factors.isEmpty { move = move.map { $0 * factors[index] } }
      guard var move else { continue }
      move.accumulate(values[index])
      values[index] = move
    }
  }

  /// Hands the weights over, so that their memory is released with the last use elsewhere.
  package mutating func handOver() -> [Tensor] {
    defer { values = [] }
    return values
  }
}

extension VirtualWeights {
  /// The derivatives of a loss, carried back through the steps of an update.
  package struct Cotangents: Sendable {
    /// Those with respect to the weights φ before the steps that were gone back through.
    package var weights: [Tensor]
    /// Those with respect to the network's own weights θ, by proximal terms; empty for zeros.
    package private(set) var start: [Tensor] = []
    /// Those with respect to the learned factors of the rate, of the weights' shapes; empty for zeros.
    package private(set) var factors: [Tensor] = []
    private var velocity: [Tensor] = []

    /// Begins with the derivatives with respect to the weights after the last step.
    package init(_ weights: [Tensor]) { self.weights = weights }

    /// Goes back through one step, except through its displacements, whose own dependence on the weights is the caller's.
    ///
    /// - Parameters:
    ///   - update: the update.
    ///   - moves: whether each parameter moves.
    ///   - velocities: the step's velocities; empty if no rates are learned.
    ///   - rateFactors: the learned factors of the rate; empty for none.
    ///   - isFirst: whether the step begins at θ itself.
    /// - Returns: the derivatives with respect to the displacements.
    package mutating func goBack(
      _ update: InnerUpdate, moves: [Bool], velocities: [Tensor?], rateFactors: [Tensor], isFirst: Bool
    ) -> [Tensor] {
      var all = weights
      if !rateFactors.isEmpty {
        let own = weights.indices.map { index in
          velocities[index].map { $0 * weights[index] } ?? weights[index] * 0
        }
        factors = factors.isEmpty ? own : zip(factors, own).map { $0 + $1 }
        all = zip(weights, rateFactors).map { $0 * $1 }
      }
      if update.momentum > 0 {
        if !velocity.isEmpty { all = zip(all, velocity).map { $0 + $1 } }
        velocity = all.map { $0 * update.momentum }
      }
      if update.proximal > 0 && !isFirst {
        let pull = update.rate * update.proximal
        if start.isEmpty { start = weights.map { $0 * 0 } }
        for index in all.indices where moves[index] {
          weights[index] = weights[index] - all[index] * pull
          start[index] = start[index] + all[index] * pull
        }
      }
      return all
    }
  }
}
