import Networks
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
/// product is the vector–Jacobian product of a recorded displacement.
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

    var isEmpty: Bool { sums.isEmpty }

    mutating func add(_ part: [(MicroBatch.Descent, displacements: [Tensor?])]) {
      parts.append(part.map(\.0))
      sums.add(part.map(\.displacements))
    }

    /// The weights after the step, for each update. They are written into the storage of the displacements, because the
    /// parameters can take more memory than everything else.
    mutating func reach(from starts: [[Tensor]]) -> [[Tensor]] {
      defer { sums = [] }
      return Profile.phase(.inner) {
        starts.enumerated().map { update, start in
          start.enumerated().map { index, parameter in
            var moved: Tensor?
            swap(&moved, &sums[update][index])
            moved?.accumulate(parameter.detached())
            return moved ?? parameter.detached()
          }
        }
      }
    }
  }

  /// Computes the group's share of the values and gradients. If each image has its own update, there is a gradient for
  /// each image.
  func contribution() throws -> MetaStep.Contribution {
    var parts: [MicroBatch] = []
    try forEachPart { index in
      MicroBatch(step, included, network, batch, ranges[index], sharing: sharing)
    } then: {
      parts.append($0)
    }
    let slots = UpdateSlots(parts.map(\.plan))
    var first = Descents()
    if !slots.first.isEmpty {
      let begun = parts
      try forEachPart {
        begun[$0].descend(slots, from: nil)
      } then: {
        first.add($0)
      }
    }

    var sum = MetaStep.Contribution()
    let cotangents = first.isEmpty ? [] : try throughUpdate(parts, slots, &first, &sum)
    let (begun, descents) = (parts, first.parts)
    try forEachPart {
      begun[$0].finish(descents.isEmpty ? [] : descents[$0], cotangents)
    } then: { share in
      sum.values.add(share.values)
      sum.gradients.add(share.gradients[0])
    }
    for cotangent in cotangents { sum.gradients.add(cotangent) }
    sum.statistics = parts[0].statistics
    return sum
  }

  /// Makes the later inner steps, evaluates the terms at virtual weights, and differentiates back to the first step.
  ///
  /// - Returns: for each update, the gradients of these terms with respect to the weights after the first step.
  private func throughUpdate(
    _ parts: [MicroBatch], _ slots: UpdateSlots, _ first: inout Descents, _ sum: inout MetaStep.Contribution
  ) throws -> [[Tensor]] {
    guard let inner = step.inner else { return [] }
    var weights = first.reach(from: first.parts[0].map { _ in parts[0].parameters })
    var later: [[[MicroBatch.Descent]]] = []
    for _ in 1..<inner.steps {
      let from = weights
      var descents = Descents()
      try forEachPart {
        parts[$0].descend(slots, from: from)
      } then: {
        descents.add($0)
      }
      weights = descents.reach(from: from)
      later.append(descents.parts)
    }
    let reached = Handout(weights, times: parts.count)
    weights = []
    var cotangents: [[Tensor]] = []
    try forEachPart {
      parts[$0].compare(slots, at: reached.next())
    } then: { share in
      sum.values.add(share.values)
      cotangents.add(Array(share.gradients.prefix(slots.first.count)))
      // The gradients with respect to the network's own weights, of terms that have plain and virtual passes.
      for own in share.gradients.dropFirst(slots.first.count) { sum.gradients.add(own) }
    }
    for descents in later.reversed() where inner.order == .exact {
      let beyond = cotangents
      try forEachPart { index in
        zip(descents[index], beyond).map { $0.pulledBack($1) }
      } then: {
        cotangents.add($0)
      }
    }
    return cotangents
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
