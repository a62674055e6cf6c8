import Networks
import Tensors

/// Images that share one virtual update per class: a whole batch, or a single image.
///
/// They meet only in sums over them, of their inner gradients and of their outer ones. So they are worked out in parts, each
/// a job with graphs of its own, small enough to stay near a core, and the chain rule is carried through the update by
/// hand. With φ₀ = θ and φₛ₊₁ = φₛ + Σᵢ δᵢ(φₛ), where δᵢ = ∓ε ∇ℓᵢ is what part i adds to a step, it goes back from
/// v = ∂L/∂φ_S by v ← v + Σᵢ (∂δᵢ/∂φₛ)ᵀ v, each product the derivative of a recorded displacement weighted by v.
struct UpdateGroup {
  private let step: MetaStep
  private let included: [Bool]
  private let network: Network
  private let batch: MetaStep.Batch
  private let ranges: [Range<Int>]

  /// - Parameters:
  ///   - included: objectives that take part, by their index.
  ///   - ranges: the images of each part.
  init(
    _ step: MetaStep, _ included: [Bool], _ network: Network, _ batch: MetaStep.Batch, _ ranges: [Range<Int>]
  ) {
    (self.step, self.included, self.network, self.batch, self.ranges) = (step, included, network, batch, ranges)
  }

  /// One inner step of every update: what the parts recorded of it, and their displacements' sums.
  private struct Descents {
    var parts: [[Part.Descent]] = []
    var sums: [[Tensor?]] = []

    mutating func add(_ part: [Part.Descent]) {
      parts.append(part)
      sums.add(part.map { $0.displacements.map { $0?.detached() } })
    }
  }

  /// Values and gradients are the group's share of the batch's means.
  func outcome() throws -> MetaStep.Outcome {
    var parts: [Part] = []
    var first = Descents()
    try forEachPart { index in
      let part = Part(step, included, network, batch, ranges[index], sharing: ranges.reduce(0) { $0 + $1.count })
      return (part, part.descend(from: nil))
    } then: { part, descents in
      parts.append(part)
      first.add(descents)
    }
    let (begun, start) = (parts, first)

    var cotangents: [[Tensor]] = []
    var outcome = MetaStep.Outcome(gradients: [], values: step.objectives.map { _ in nil }, total: 0)
    if let inner = step.inner, !first.sums.isEmpty {
      var trail = [first]
      var weights = first.sums.map { inner.moved(network.parameters, by: $0) }
      for _ in 1..<inner.steps {
        let from = weights
        var descents = Descents()
        try forEachPart {
          begun[$0].descend(from: from)
        } then: {
          descents.add($0)
        }
        weights = zip(from, descents.sums).map { inner.moved($0, by: $1) }
        trail.append(descents)
      }
      let reached = weights
      try forEachPart {
        begun[$0].compare(at: reached)
      } then: { share in
        outcome.values.add(share.values)
        cotangents.add(share.gradients)
      }
      for descents in trail.dropFirst().reversed() where inner.order == .exact {
        let later = cotangents
        try forEachPart { index in
          zip(descents.parts[index], later).map { $0.pulledBack($1) }
        } then: {
          cotangents.add($0)
        }
      }
    }
    let last = cotangents
    try forEachPart {
      begun[$0].finish(start.parts[$0], last)
    } then: { share in
      outcome.values.add(share.values)
      outcome.gradients.add(share.gradients[0])
    }
    for cotangent in cotangents { outcome.gradients.add(cotangent) }
    outcome.statistics = parts[0].statistics
    return outcome
  }

  private func forEachPart<Result: Sendable>(
    _ transform: @Sendable (Int) -> Result, then body: (Result) -> Void
  ) throws {
    try Parallel.forEachInOrder(ranges.count, workers: Parallel.kernelThreads, transform, body)
  }
}
