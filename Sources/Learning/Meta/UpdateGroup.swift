import Networks
import Saliency
import Synchronization
import Tensors

/// A group of images that share their virtual updates, as in batch scope, or a few images that each have their own
/// update. In the second case they go through one network with a copy of the parameters for each image, so that small
/// images keep a processor busy.
///
/// Images that share an update interact only through sums over images, of inner gradients and of outer gradients. They
/// are therefore computed in parts, each a job with its own graphs that is small enough for a core's cache, and the
/// chain rule through the update is written out by hand. Let φ₀ = θ and φₛ₊₁ = φₛ + Σᵢ δᵢ(φₛ), where δᵢ = ∓ε ∇ℓᵢ is the
/// displacement of part i. The backward pass starts with v = ∂L/∂φ_S and repeats v ← v + Σᵢ (∂δᵢ/∂φₛ)ᵀ v, where each
/// product is the vector–Jacobian product of a recorded displacement. Momentum, proximal terms and learned rates add
/// linear terms to both (`VirtualWeights`); other orders replace the products (`InnerUpdate.Order`).
struct UpdateGroup {
  private let step: MetaStep
  private let included: [Bool]
  private let network: Network
  private let batch: MetaStep.Batch
  private let ranges: [Range<Int>]
  /// The number of images that share an update; nil if each has its own.
  private let sharing: Int?

  /// Creates a group of images that share their updates. `included` says for each objective whether it takes part, and
  /// `ranges` are the images of each part.
  init(
    _ step: MetaStep, _ included: [Bool], _ network: Network, _ batch: MetaStep.Batch, sharing ranges: [Range<Int>]
  ) {
    (self.step, self.included, self.network, self.batch, self.ranges) = (step, included, network, batch, ranges)
    sharing = ranges.reduce(0) { $0 + $1.count }
  }

  /// Creates a group of images that each have their own update.
  init(_ step: MetaStep, _ included: [Bool], _ network: Network, _ batch: MetaStep.Batch, apart range: Range<Int>) {
    (self.step, self.included, self.network, self.batch, ranges) = (step, included, network, batch, [range])
    sharing = nil
  }

  /// One inner step of every update: the parts' records, and the sums of their displacements.
  private struct Descents {
    var parts: [[MicroBatch.Descent]] = []
    private var sums: [[Tensor?]] = []

    var isEmpty: Bool { parts.isEmpty }

    mutating func add(_ part: [(MicroBatch.Descent, displacements: [Tensor?])]) {
      parts.append(part.map(\.0))
      sums.add(part.map(\.displacements))
    }

    /// Moves the weights of each update by the sums, whose memory they take over.
    mutating func move(_ weights: inout [VirtualWeights]) {
      Profile.phase(.inner) {
        for update in weights.indices {
          var sum: [Tensor?] = []
          swap(&sum, &sums[update])
          weights[update].move(by: sum)
        }
      }
      sums = []
    }
  }

  /// What the backward pass needs of an inner step, for each update.
  private struct Step {
    /// The records of each part's displacements, in exact order.
    var descents: [[MicroBatch.Descent]]
    /// The weights before the step, for central differences.
    var weights: [[Tensor]] = []
    /// The step's velocities, if rates are learned.
    var velocities: [[Tensor?]] = []
  }

  /// The gradients of the terms at virtual weights, as far as they do not go through the first displacements.
  private struct Passage {
    /// The derivatives with respect to the first displacements, for each update.
    var displacements: [[Tensor]] = []
    /// The gradients with respect to the network's own weights, for each update.
    var weights: [[Tensor]] = []
    /// The gradient with respect to the learned factors of rates; empty if there are none.
    var factors: [Tensor] = []
  }

  /// Computes the group's share of the values and gradients; the gradients of learned factors of rates come last. If each
  /// image has its own update, there is a gradient for each image.
  func contribution() throws -> MetaStep.Contribution {
    var parts: [MicroBatch] = []
    try forEachPart { index in
      MicroBatch(step, included, network, batch, ranges[index], sharing: sharing)
    } then: {
      parts.append($0)
    }
    let slots = UpdateSlots(parts.map(\.plan))
    var first = Descents()
    if !slots.first.isEmpty { first = try descents(parts, slots, from: nil, createGraph: step.inner?.order == .exact) }

    var sum = MetaStep.Contribution()
    let passage = first.isEmpty ? Passage() : try throughUpdate(parts, slots, &first, &sum)
    let (begun, descents) = (parts, first.parts)
    try forEachPart {
      begun[$0].finish(descents.isEmpty ? [] : descents[$0], passage.displacements)
    } then: { share in
      sum.values.add(share.values)
      sum.gradients.add(share.gradients[0])
    }
    for gradient in passage.weights { sum.gradients.add(gradient) }
    sum.gradients += passage.factors
    sum.statistics = parts[0].statistics
    return sum
  }

  /// Makes one inner step of all parts.
  private func descents(
    _ parts: [MicroBatch], _ slots: UpdateSlots, from weights: [[Tensor]]?, createGraph: Bool
  ) throws -> Descents {
    var descents = Descents()
    try forEachPart {
      parts[$0].descend(slots, from: weights, createGraph: createGraph)
    } then: {
      descents.add($0)
    }
    return descents
  }

  /// Makes the later inner steps, evaluates the terms at virtual weights, and differentiates back to the first step.
  private func throughUpdate(
    _ parts: [MicroBatch], _ slots: UpdateSlots, _ first: inout Descents, _ sum: inout MetaStep.Contribution
  ) throws -> Passage {
    guard let inner = step.inner else { return Passage() }
    let factors = network.rateFactors
    let start = network.with(parameters: parts[0].parameters)
    var weights = slots.first.map { _ in VirtualWeights(inner, of: start) }
    func record(_ descents: Descents, before: [[Tensor]]) -> Step {
      Step(
        descents: inner.order == .exact ? descents.parts : [],
        weights: inner.order == .finiteDifferences ? before : [],
        velocities: factors.isEmpty ? [] : weights.map(\.velocities))
    }
    first.move(&weights)
    var steps = [record(first, before: slots.first.map { _ in parts[0].parameters })]
    for _ in 1..<inner.steps {
      let before = weights.map(\.values)
      var next = try descents(parts, slots, from: before, createGraph: inner.order == .exact)
      next.move(&weights)
      steps.append(record(next, before: before))
    }
    let solver =
      inner.order == .implicit
      ? try descents(parts, slots, from: weights.map(\.values), createGraph: true).parts : []
    let reached = Handout(weights.indices.map { weights[$0].handOver() }, times: parts.count)
    var reachedCotangents: [[Tensor]] = []
    try forEachPart {
      parts[$0].compare(slots, at: reached.next())
    } then: { share in
      sum.values.add(share.values)
      reachedCotangents.add(Array(share.gradients.prefix(slots.first.count)))
      // The gradients with respect to the network's own weights, of terms that have plain and virtual passes.
      for own in share.gradients.dropFirst(slots.first.count) { sum.gradients.add(own) }
    }
    return inner.order == .implicit
      ? Passage(weights: try implicit(reachedCotangents, solver, inner))
      : try back(through: steps, reachedCotangents, parts, slots, inner)
  }

  /// Goes back through the steps of the updates.
  private func back(
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
  private func implicit(
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

  private func forEachPart<Result: Sendable>(
    _ transform: @Sendable (Int) -> Result, then body: (Result) -> Void
  ) throws {
    try Parallel.forEachInOrder(ranges.count, workers: Parallel.kernelThreads, transform, body)
  }
}

/// A value that a given number of callers receive. The last one receives the only remaining reference, so that it can
/// reuse the memory.
private final class Handout<Value: Sendable>: Sendable {
  private let rest: Mutex<(value: Value?, times: Int)>

  init(_ value: Value, times: Int) { rest = Mutex((value, times)) }

  func next() -> Value {
    rest.withLock { rest in
      guard let value = rest.value else { preconditionFailure("Handout: more takers than were said") }
      rest.times -= 1
      if rest.times == 0 { rest.value = nil }
      return value
    }
  }
}
