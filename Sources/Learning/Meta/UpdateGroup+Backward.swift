import Networks
import Saliency
import Tensors

/// The way back through virtual updates, in the orders that a recipe may choose.
extension UpdateGroup {
  /// What the backward pass needs of an inner step, for each update.
  struct Step {
    /// The records of each part's displacements, in exact order.
    var descents: [[MicroBatch.Descent]]
    /// The weights before the step, for central differences.
    var weights: [[Tensor]] = []
    /// The step's velocities, if rates are learned.
    var velocities: [[Tensor?]] = []
  }

  /// The gradients of the terms at virtual weights, as far as they do not go through the first displacements.
  struct Passage {
    /// The derivatives with respect to the first displacements, for each update.
    var displacements: [[Tensor]] = []
    /// The gradients with respect to the network's own weights, for each update.
    var weights: [[Tensor]] = []
    /// The gradient with respect to the learned factors of rates; empty if there are none.
    var factors: [Tensor] = []
  }

  /// Goes back through the steps of the updates.
  func back(
    through steps: [Step], _ reached: [[Tensor]], _ parts: [MicroBatch], _ slots: UpdateSlots, _ inner: InnerUpdate
  ) throws -> Passage {
    let (factors, moves) = (network.rateFactors, inner.moves(network))
    var cotangents = reached.map { VirtualWeights.Cotangents($0) }
    var displacements: [[Tensor]] = []
    for (index, step) in steps.enumerated().reversed() {
      displacements = Profile.phase(.outer) {
        cotangents.indices.map { update in
          cotangents[update].goBack(
            inner, moves: moves, velocities: step.velocities.isEmpty ? [] : step.velocities[update],
            rateFactors: factors, isFirst: index == 0)
        }
      }
      let products: [[Tensor]]
      switch inner.order {
      // The first step's are differentiated together with the terms at the network's own weights.
      case .exact where index > 0: products = try self.products(step.descents, displacements)
      case .finiteDifferences:
        products = try differences(parts, slots, around: step.weights, displacements, moves: moves)
      case .exact, .first, .implicit: continue
      }
      for update in cotangents.indices { cotangents[update].weights.add(products[update]) }
    }
    return Passage(
      displacements: displacements,
      weights: Profile.phase(.outer) {
        cotangents.map { $0.start.isEmpty ? $0.weights : zip($0.weights, $0.start).map { $0 + $1 } }
      },
      factors: factors.isEmpty ? [] : Profile.phase(.outer) { factorGradients(cotangents.map(\.factors)) })
  }

  /// The vector–Jacobian products of recorded displacements, for each update.
  private func products(
    _ descents: [[MicroBatch.Descent]], _ cotangents: [[Tensor]], releasingGraph: Bool = true
  ) throws -> [[Tensor]] {
    var sums: [[Tensor]] = []
    try forEachPart { index in
      zip(descents[index], cotangents).map { $0.pulledBack($1, releasingGraph: releasingGraph) }
    } then: {
      sums.add($0)
    }
    return sums
  }

  /// The vector–Jacobian products of displacements by central differences. A displacement's Jacobian is a symmetric matrix,
  /// −rate times the Hessian, so that the product is the derivative of the displacement along the cotangents.
  private func differences(
    _ parts: [MicroBatch], _ slots: UpdateSlots, around weights: [[Tensor]], _ cotangents: [[Tensor]], moves: [Bool]
  ) throws -> [[Tensor]] {
    let directions = cotangents.map { cotangents in
      vector(Profile.phase(.outer) { zip(cotangents, moves).map { $1 ? $0 : $0 * 0 } })
    }
    let lengths = zip(directions, weights).map { direction, weights in
      zip(direction.dot(direction), vector(weights).dot(vector(weights))).map { direction, weights in
        direction > 0 ? Self.differenceStep(network.scalarType) * (weights / direction).squareRoot() : 0
      }
    }
    let steps = zip(directions, lengths).map { ($0 * $1).tensors }
    var sums: [[Tensor]] = []
    try forEachPart {
      parts[$0].differences(slots, around: weights, by: steps)
    } then: {
      sums.add($0)
    }
    return zip(sums, lengths).map { sum, lengths in
      (vector(sum) * lengths.map { $0 > 0 ? 1 / (2 * $0) : 0 }).tensors
    }
  }

  /// The length of the step of central differences, as a share of the weights' length. At a kink of a ReLU that the step
  /// crosses, the difference has a jump divided by the step. In float64 a step is so short that few kinks are crossed. In
  /// float32 rounding does not allow that, and the step is so long that it averages over many kinks: on ResNet-20 the
  /// cosine with the exact gradient is then 0.92 to 0.94, and with steps of a tenth or ten times that 0.3 to 0.8.
  private static func differenceStep(_ type: ScalarType) -> Double { type == .float64 ? 1e-8 : 1e-3 }

  /// The gradients with respect to the network's own weights if the virtual ones are the minimum of the loss with its
  /// proximal term: (I + H/λ)⁻¹ v for the parameters that move, with v = ∂L/∂φ; for the others, v less H/λ times that.
  func implicit(
    _ reached: [[Tensor]], _ descents: [[MicroBatch.Descent]], _ inner: InnerUpdate
  ) throws -> [[Tensor]] {
    let moving = inner.moves(network)
    // A displacement is −rate times the gradient of the loss that the steps reduce.
    let factor = -1 / (inner.rate * inner.proximal)
    return try reached.indices.map { update in
      let own = descents.map { [$0[update]] }
      /// H/λ times a vector over the parameters that move, for all parameters.
      func curvature(_ x: UpdateVector) throws -> [Tensor] {
        var rest = x.tensors[...]
        let cotangents = zip(reached[update], moving).map { $1 ? rest.removeFirst() : $0 }
        let products = try products(own, [cotangents], releasingGraph: false)[0]
        return Profile.phase(.outer) { products.map { $0 * factor } }
      }
      func moved(_ tensors: [Tensor]) -> UpdateVector { vector(zip(tensors, moving).filter(\.1).map(\.0)) }
      let solution = try moved(reached[update]).solved(steps: inner.solverSteps) { try $0 + moved(curvature($0)) }
      guard moving.contains(false) else { return solution.tensors }
      var rest = solution.tensors[...]
      let curvatures = try curvature(solution)
      return Profile.phase(.outer) {
        zip(zip(reached[update], curvatures), moving).map { $1 ? rest.removeFirst() : $0.0 - $0.1 }
      }
    }
  }

  /// The gradient with respect to the learned factors, of their shapes with an axis in front if each image has its own
  /// update. `updates` are the gradients with respect to each weight's own factor.
  private func factorGradients(_ updates: [[Tensor]]) -> [Tensor] {
    var sums: [Tensor] = []
    for update in updates { sums.add(update) }
    return zip(sums, zip(network.rateFactors, network.parameters)).map { sum, tensors in
      let (factor, parameter) = tensors
      if factor.shape == parameter.shape { return sum }
      return sharing == nil ? sum.reshaped([sum.shape[0], -1]).sum([1], keepDims: true) : sum.sum().reshaped([1])
    }
  }

  private func vector(_ tensors: [Tensor]) -> UpdateVector {
    UpdateVector(tensors: tensors, updates: sharing == nil ? ranges[0].count : nil)
  }
}
