import Networks
import Synchronization
import Tensors

/// Images that share one virtual update per class, as a whole batch does; or a few that each have their own and go through
/// everything together, in a network with parameters for each, so that small images keep a processor busy.
///
/// Those that share an update meet only in sums over them, of their inner gradients and of their outer ones. So they are
/// computed in parts, each a job with graphs of its own, small enough to stay near a core, and the chain rule is carried
/// through the update by hand. With φ₀ = θ and φₛ₊₁ = φₛ + Σᵢ δᵢ(φₛ), where δᵢ = ∓ε ∇ℓᵢ is what part i adds to a step, it goes back from
/// v = ∂L/∂φ_S by v ← v + Σᵢ (∂δᵢ/∂φₛ)ᵀ v, each product the derivative of a recorded displacement weighted by v.
struct UpdateGroup {
  private let step: MetaStep
  private let included: [Bool]
  private let network: Network
  private let batch: MetaStep.Batch
  private let ranges: [Range<Int>]
  /// How many images share an update; nil if each has its own.
  private let sharing: Int?

  /// Images that share an update. `included` says of each objective whether it takes part, and `ranges` are the images of
  /// each part.
  init(
    _ step: MetaStep, _ included: [Bool], _ network: Network, _ batch: MetaStep.Batch, sharing ranges: [Range<Int>]
  ) {
    (self.step, self.included, self.network, self.batch, self.ranges) = (step, included, network, batch, ranges)
    sharing = ranges.reduce(0) { $0 + $1.count }
  }

  /// Images that each have their own update.
  init(_ step: MetaStep, _ included: [Bool], _ network: Network, _ batch: MetaStep.Batch, apart range: Range<Int>) {
    (self.step, self.included, self.network, self.batch, ranges) = (step, included, network, batch, [range])
    sharing = nil
  }

  /// One inner step of every update: what the parts recorded of it, and their displacements' sums.
  private struct Descents {
    var parts: [[MicroBatch.Descent]] = []
    private var sums: [[Tensor?]] = []

    var isEmpty: Bool { sums.isEmpty }

    mutating func add(_ part: [(MicroBatch.Descent, displacements: [Tensor?])]) {
      parts.append(part.map(\.0))
      sums.add(part.map(\.displacements))
    }

    /// The weights that each update comes to from those it begins at. They take the place of the displacements, in the same
    /// storage, since a network's parameters may be larger than all else.
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

  /// What the group adds to the batch's values and gradients; the latter for each image where each has its own update.
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

  /// Takes the later inner steps, compares the maps that the updates lead to, and goes back to the first step.
  ///
  /// - Returns: for each update the derivatives of what was compared with respect to the weights after the first step.
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
      // Of terms that have plain passes beside virtual ones.
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

/// A value for so many takers, of whom the last one gets the only copy.
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
