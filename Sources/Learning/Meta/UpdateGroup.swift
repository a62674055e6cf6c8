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
  let step: MetaStep
  private let included: [Bool]
  let network: Network
  private let batch: MetaStep.Batch
  let ranges: [Range<Int>]
  /// The number of images that share an update; nil if each has its own.
  let sharing: Int?

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

  func forEachPart<Result: Sendable>(
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
