import Networks
import Saliency
import Tensors

/// A part of a batch: some of its images, their first forward pass, and their share of a meta step.
struct MicroBatch: Sendable {
  /// The record of the images' displacement in one inner step: the weights that the step starts at and the
  /// displacements. Only the graph is kept and not the elements, which can take more memory than everything else.
  struct Descent: Sendable {
    let parameters: [Record]
    let displacements: [Record?]
  }

  /// The images' share of the outer loss: the value of each objective, and the gradients with respect to some weights.
  struct Share: Sendable {
    /// The values for each image of the batch; 0 for images of other parts.
    var values: [[Double]?]
    var gradients: [[Tensor]]
  }

  private let step: MetaStep
  /// The number of images that share an inner update; nil if each image has its own.
  private let sharing: Int?
  /// The range of the images in the batch, and the size of the batch.
  private let (range, count): (Range<Int>, Int)
  /// The network with tracked parameters. If each image has its own update, each has its own copy of the parameters.
  private let network: Network
  /// The passes that the objectives need.
  let plan: PassPlan
  /// The passes at the network's own weights: those with running statistics, one for each set of images, and the one
  /// with batch statistics. Maps and updates use running statistics.
  private let (plain, training): ([Inference?], Inference?)

  /// Makes the passes at the network's own weights for a range of the batch's images.
  ///
  /// - Parameters:
  ///   - step: the meta step.
  ///   - included: for each objective, whether it takes part.
  ///   - network: the network that the step starts from.
  ///   - batch: the whole batch.
  ///   - range: the range of the images in the batch.
  ///   - sharing: the number of images that share an inner update; nil if each has its own.
  init(
    _ step: MetaStep, _ included: [Bool], _ network: Network, _ batch: MetaStep.Batch, _ range: Range<Int>,
    sharing: Int?
  ) {
    let network = network.with(
      parameters: network.parameters.map { (sharing == nil ? $0.repeated(range.count) : $0).tracked() })
    let objectives = zip(included, step.objectives).map { $0 && $1.weight != 0 ? $1.objective : nil }
    let maps = step.objectives.map { step.maps(of: $0) }
    let needs = zip(objectives, maps).map { $0?.needs($1) }
    // Task losses have a pass of their own if it differs from the one that maps are made of.
    let isTraining = needs.map {
      ($0?.normalizesAsTraining ?? false) && (step.normalization == .batch || step.dropping.isOn)
    }
    func kept(_ needs: [ObjectiveNeeds?]) -> [String] {
      needs.reduce(into: [String]()) { layers, needs in
        layers += (needs?.layers ?? []).filter { !layers.contains($0) }
      }
    }
    let layers = kept(needs)
    let compared = needs.filter { $0?.usesReference ?? false }
    // One forward pass serves the task losses, the plain maps and the first inner step, unless the task losses
    // normalize by the batch.
    let (images, reference, own, training): (Tensor, Inference?, Inference?, Inference?) = Profile.phase(.forward) {
      let images = batch.images.sliced(axis: 0, from: range.lowerBound, length: range.count)
      let isOwnNeeded = zip(needs, isTraining).contains { $0 != nil && !$1 }
      return (
        images,
        // Made first, because it releases its activations before the other passes keep theirs.
        compared.isEmpty
          ? nil
          : step.reference.map { Inference($0, images, capturing: kept(compared)) },
        isOwnNeeded ? Inference(network, images, capturing: layers) : nil,
        isTraining.contains(true)
          ? Inference(
            network, images, capturing: [], normalization: step.normalization,
            dropping: step.dropping.drawing(Array(batch.draws[range]))) : nil
      )
    }
    let targets = Profile.phase(.forward) {
      batch.targets.sliced(axis: 0, from: range.lowerBound, length: range.count)
    }
    let plan = PassPlan(
      zip(zip(objectives, maps), zip(needs, isTraining)).map { term, kind in
        let ((objective, maps), (needs, isTraining)) = (term, kind)
        guard let objective, let pass = isTraining ? training : own else { return ([], isTraining) }
        return (
          objective.terms(
            for: ObjectiveImages(
              images: images, labels: Array(batch.labels[range]), targets: targets, draws: Array(batch.draws[range]),
              plain: pass, reference: needs?.usesReference ?? false ? reference : nil, maps: maps, batch: batch,
              range: range)), isTraining
        )
      }, images: images, layers: own == nil ? nil : layers)
    (self.step, self.network, self.plan, self.training) = (step, network, plan, training)
    plain = Profile.phase(.forward) {
      plan.sets.enumerated().map { index, set in
        index == 0 ? own : set.layers.map { Inference(network, set.images, capturing: $0) }
      }
    }
    (self.sharing, self.range, count) = (sharing, range, batch.labels.count)
  }

  /// The parameters at the start of the step, not tracked.
  var parameters: [Tensor] { network.parameters.map { $0.detached() } }

  /// The network with updated running statistics; nil unless an objective normalizes by the batch.
  var statistics: Network? {
    guard let training, step.normalization == .batch else { return nil }
    return Profile.phase(.forward) { network.updatingStatistics(from: training.output).recomputing(false) }
  }

  /// Computes the images' displacement in one inner step, for each virtual update.
  ///
  /// - Parameters:
  ///   - slots: the distinct updates.
  ///   - weights: the current parameters of each update; nil in the first step.
  ///   - createGraph: whether the displacements are to be differentiated.
  /// - Returns: for each update its record for differentiation, and its displacements.
  func descend(
    _ slots: UpdateSlots, from weights: [[Tensor]]?, createGraph: Bool
  ) -> [(Descent, displacements: [Tensor?])] {
    guard let inner = step.inner else { return [] }
    return Profile.phase(.inner) {
      slots.first.enumerated().compactMap { slot, first in
        let update = plan.updates[first]
        guard let start = plain[update.set] else { return nil }
        let network = weights.map { self.network.with(parameters: $0[slot].map { $0.tracked() }) } ?? self.network
        let logits = weights == nil ? start.output.logits : network(start.images).logits
        let displacements = inner.displacements(
          of: network, logits, towards: update.classes, share: 1 / Double(sharing ?? 1), createGraph: createGraph)
        return (
          Descent(parameters: network.parameters.map(\.record), displacements: displacements.map { $0?.record }),
          displacements.map { $0?.detached() }
        )
      }
    }
  }

  /// The differences of the images' displacements between weights that are moved forth and back, for each virtual update and
  /// for all parameters. By them the displacements are differentiated without a graph.
  ///
  /// - Parameters:
  ///   - slots: the distinct updates.
  ///   - weights: the weights of each update.
  ///   - moves: how far each weight is moved.
  /// - Returns: δ(weights + moves) − δ(weights − moves), one tensor per parameter for each update.
  func differences(_ slots: UpdateSlots, around weights: [[Tensor]], by moves: [[Tensor]]) -> [[Tensor]] {
    guard let inner = step.inner else { return [] }
    let all = network.parameterNames.map { _ in true }
    return Profile.phase(.outer) {
      slots.first.enumerated().map { slot, first in
        let update = plan.updates[first]
        let images = plan.sets[update.set].images
        let both = [1.0, -1].map { sign in
          let moved = network.with(parameters: zip(weights[slot], moves[slot]).map { ($0 + $1 * sign).tracked() })
          return inner.displacements(
            of: moved, moved(images).logits, towards: update.classes, share: 1 / Double(sharing ?? 1), moves: all)
        }
        return zip(weights[slot], zip(both[0], both[1])).map { weight, both in
          guard let forth = both.0, let back = both.1 else { return weight * 0 }
          return forth.detached() - back.detached()
        }
      }
    }
  }

  /// Computes the terms at virtual weights and their gradients with respect to the virtual weights of each update. If a
  /// term also has plain passes, the last gradients are those with respect to the network's own weights.
  ///
  /// - Parameters:
  ///   - slots: the distinct updates.
  ///   - weights: the virtual weights of each update. Their memory is released as soon as it is no longer needed, if
  ///     there is no other reference.
  /// - Returns: the values and the gradients.
  func compare(_ slots: UpdateSlots, at weights: consuming [[Tensor]]) -> Share {
    let (values, variables) = comparison(slots, at: weights)
    return outer(values, [], [], with: variables)
  }

  /// The values of the terms at virtual weights, and the weights that they depend on.
  private func comparison(
    _ slots: UpdateSlots, at weights: consuming [[Tensor]]
  ) -> (values: [[Tensor]], variables: [[Record]]) {
    let layers = slots.layers(plan)
    let again = plan.again.isEmpty ? nil : network.with(parameters: parameters.map { $0.tracked() })
    let (virtual, beside): ([Inference], [Int: Inference]) = Profile.phase(.map) {
      (
        weights.enumerated().map { slot, weights in
          Inference(
            network.with(parameters: weights.map { $0.tracked() }),
            plan.sets[plan.updates[slots.first[slot]].set].images,
            capturing: layers[slot])
        },
        Dictionary(
          uniqueKeysWithValues: again.map { network in
            plan.again.map { ($0, Inference(network, plan.sets[$0].images, capturing: $1)) }
          } ?? [])
      )
    }
    let values = values(where: \.isVirtual) { source in
      switch source {
      case .virtual(let update): virtual[slots.slots[update]]
      case .plainAgain(let set): beside[set]
      case .plain, .training: nil
      }
    }
    return (values, (virtual.map(\.network) + (again.map { [$0] } ?? [])).map { $0.parameters.map(\.record) })
  }

  /// Computes the terms at the network's own weights and the gradients with respect to these weights. The gradients
  /// include those through the first inner step, whose displacements have the given cotangents.
  func finish(_ descents: [Descent], _ cotangents: [[Tensor]]) -> Share {
    let values = values(where: { !$0.isVirtual }) { source in
      switch source {
      case .training: training
      case .plain(let set): plain[set]
      case .plainAgain, .virtual: nil
      }
    }
    return outer(values, descents, cotangents, with: [network.parameters.map(\.record)], constant: frozen)
  }

  /// For each parameter, whether the outer gradient holds it constant.
  private var frozen: [Bool] { network.parameterNames.map(step.frozen.contains) }

  /// For each objective, the values [N] of its terms that satisfy the condition.
  private func values(
    where isWanted: (PassPlan.Term) -> Bool, _ pass: (PassPlan.Source) -> Inference?
  ) -> [[Tensor]] {
    plan.terms.map { terms in
      terms.filter(isWanted).map { term in
        let passes = term.sources.compactMap(pass)
        precondition(passes.count == term.sources.count, "MicroBatch: a pass is missing")
        let value = Profile.phase(term.hasLayers ? .map : .forward) { term.value(passes) }
        precondition(
          value.shape == [range.count], "MicroBatch: a term's value is \(value.shape) for \(range.count) images")
        return value
      }
    }
  }

  /// The gradients of the weighted sum of `values`, [N] each, and of the inner steps' displacements multiplied by their
  /// cotangents. They are 0 for `constant` variables of each list; there are none by default.
  private func outer(
    _ values: [[Tensor]], _ descents: [Descent], _ cotangents: [[Tensor]], with variables: [[Record]],
    constant: [Bool] = []
  ) -> Share {
    func isConstant(_ index: Int) -> Bool { index < constant.count && constant[index] }
    let moving = variables.map { variables in variables.indices.filter { !isConstant($0) }.map { variables[$0] } }
    let terms = zip(values, step.objectives).flatMap { values, term in
      values.map { ($0, Tensor(repeating: term.weight / Double(count), shape: $0.shape, $0.scalarType)) }
    }
    let moves = zip(descents, cotangents).flatMap { $0.weighted(by: $1) }
    var found = Profile.phase(.outer) {
      gradients(
        of: terms.map(\.0.record) + moves.map(\.0), withRespectTo: moving.flatMap(\.self),
        cotangents: terms.map(\.1) + moves.map(\.1), releasingGraph: true)
    }[...]
    return Share(
      values: values.map { values in
        values.isEmpty
          ? nil
          : values.reduce(into: [Double](repeating: 0, count: count)) { all, value in
            for (index, value) in zip(range, value.doubles) { all[index] += value }
          }
      },
      gradients: variables.map { variables in
        variables.enumerated().map { index, variable in
          isConstant(index) ? .zeros(variable.shape, variable.scalarType) : found.removeFirst()
        }
      })
  }
}

extension MicroBatch.Descent {
  /// The displacements that depend on the weights, each with its cotangent; empty if the inner gradient is held
  /// constant.
  func weighted(by cotangents: [Tensor]) -> [(Record, Tensor)] {
    zip(displacements, cotangents).compactMap { move, cotangent in
      move.flatMap { $0.isTracked ? ($0, cotangent) : nil }
    }
  }

  /// The gradient, with respect to the weights that the step starts at, of the displacements multiplied by their
  /// cotangents. With `releasingGraph` it is the last one.
  func pulledBack(_ cotangents: [Tensor], releasingGraph: Bool = true) -> [Tensor] {
    let moves = weighted(by: cotangents)
    return Profile.phase(.outer) {
      gradients(
        of: moves.map(\.0), withRespectTo: parameters, cotangents: moves.map(\.1), releasingGraph: releasingGraph)
    }
  }
}
