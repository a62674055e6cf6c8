import Networks
import Saliency
import Tensors

/// Some images of a batch, their first forward pass, and what of a meta step is theirs alone.
struct MicroBatch: Sendable {
  /// What the images add to one inner step: the weights it starts at, and how the displacements came about. These may be as
  /// large as all else, so that their elements are not kept.
  struct Descent: Sendable {
    let parameters: [Record]
    let displacements: [Record?]
  }

  /// What the images add to the outer loss: each objective's value, and derivatives with respect to some weights.
  struct Share: Sendable {
    /// For each image of the batch; 0 for those of other parts.
    var values: [[Double]?]
    var gradients: [[Tensor]]
  }

  private let step: MetaStep
  /// Objectives that take part, by their index.
  private let included: [Bool]
  private let targets: Tensor
  /// How many images share an inner update; nil if each has its own.
  private let sharing: Int?
  /// Which of the batch's images these are, and how many it has.
  private let (range, count): (Range<Int>, Int)
  /// The network with tracked parameters; for each image of its own where it has an update of its own.
  private let network: Network
  /// What it gives by its running statistics, which maps and updates use, and what the task losses see.
  private let (plain, task): (Inference?, Network.Output?)
  /// The classes that an objective compares, for each image; nil for task losses.
  private let pairs: [(explained: [Int], contrast: [Int])?]

  /// The forward pass of a range of the batch's images.
  ///
  /// - Parameter sharing: how many images share an inner update; nil if each has its own.
  init(
    _ step: MetaStep, _ included: [Bool], _ network: Network, _ batch: MetaStep.Batch, _ range: Range<Int>,
    sharing: Int?
  ) {
    let included = zip(included, step.objectives).map { $0 && $1.weight != 0 }
    let network = network.with(
      parameters: network.parameters.map { (sharing == nil ? $0.repeated(range.count) : $0).tracked() })
    let isTaskOn = zip(included, step.objectives).contains { $0 && $1.objective.isTask }
    let areMapsOn = zip(included, step.objectives).contains { $0 && !$1.objective.isTask }
    let normalizesByBatch = step.normalization == .batch
    // One forward pass serves the task loss, the plain maps and the first inner step, unless they normalize differently.
    let (plain, task): (Inference?, Network.Output?) = Profile.phase(.forward) {
      let images = batch.images.sliced(axis: 0, from: range.lowerBound, length: range.count)
      let plain =
        areMapsOn || !normalizesByBatch
        ? Inference(network, images, capturing: areMapsOn ? step.layers : []) : nil
      guard isTaskOn else { return (plain, nil) }
      return (plain, normalizesByBatch ? network(images, normalization: .batch) : plain?.output)
    }
    pairs = zip(included, step.objectives).map { isOn, term in
      guard isOn, case .classSensitivity(let sensitivity) = term.objective, let plain else { return nil }
      return sensitivity.classes(
        logits: plain.output.logits, labels: Array(batch.labels[range]), draws: Array(batch.draws[range]))
    }
    (self.step, self.included, self.network, self.plain, self.task) = (step, included, network, plain, task)
    targets = Profile.phase(.forward) {
      batch.targets.sliced(axis: 0, from: range.lowerBound, length: range.count)
    }
    (self.sharing, self.range, count) = (sharing, range, batch.labels.count)
  }

  /// The parameters that the images begin with.
  var parameters: [Tensor] { network.parameters.map { $0.detached() } }

  /// The network's running statistics after the pass, if the task losses normalized by the batch.
  var statistics: Network? {
    guard step.normalization == .batch, let task else { return nil }
    return Profile.phase(.forward) { network.updatingStatistics(from: task).recomputing(false) }
  }

  /// The images' part of an inner step of each of the virtual updates.
  ///
  /// - Parameter weights: the parameters that each update has come to; nil at the first step.
  /// - Returns: for each update what is needed to differentiate it, and the displacements.
  func descend(from weights: [[Tensor]]?) -> [(Descent, displacements: [Tensor?])] {
    guard let plain, let inner = step.inner else { return [] }
    return Profile.phase(.inner) {
      updates.enumerated().map { index, classes in
        let network = weights.map { self.network.with(parameters: $0[index].map { $0.tracked() }) } ?? self.network
        let logits = weights == nil ? plain.output.logits : network(plain.images).logits
        let displacements = inner.displacements(
          of: network, logits, towards: classes, share: 1 / Double(sharing ?? 1), createGraph: inner.order == .exact)
        return (
          Descent(parameters: network.parameters.map(\.record), displacements: displacements.map { $0?.record }),
          displacements.map { $0?.detached() }
        )
      }
    }
  }

  /// The objectives on maps at virtual weights, and their derivatives with respect to these, for each update.
  ///
  /// - Parameter weights: given up as soon as the derivatives have passed them, if nobody else holds them.
  func compare(at weights: consuming [[Tensor]]) -> Share {
    let (values, variables) = comparison(at: weights)
    return outer(values, [], [], with: variables)
  }

  /// The objectives on maps at virtual weights, and these weights.
  private func comparison(at weights: consuming [[Tensor]]) -> (values: [Tensor?], variables: [[Record]]) {
    guard let plain else { return (step.objectives.map { _ in nil }, []) }
    let passes = Profile.phase(.map) {
      weights.map { weights in
        Inference(network.with(parameters: weights.map { $0.tracked() }), plain.images, capturing: step.layers)
      }
    }
    var pairs = passes.makeIterator()
    let values = step.objectives.indices.map { index -> Tensor? in
      guard isVirtual(index), let explained = pairs.next(), let contrast = pairs.next() else { return nil }
      return similarity(index, explained, contrast)
    }
    return (values, passes.map { $0.network.parameters.map(\.record) })
  }

  /// The objectives at the network's own weights, and the derivatives with respect to these of them and of the first inner
  /// step, whose displacements of each update count by `cotangents`.
  func finish(_ descents: [Descent], _ cotangents: [[Tensor]]) -> Share {
    let values = zip(included, step.objectives).enumerated().map { index, term -> Tensor? in
      guard term.0 else { return nil }
      switch term.1.objective {
      case .crossEntropy:
        // As a distribution, so that an image of several classes counts no more than another.
        return Profile.phase(.forward) {
          task?.logits.crossEntropy(toSoftTargets: targets / targets.sum([1], keepDims: true))
        }
      case .binaryCrossEntropy:
        return Profile.phase(.forward) { task?.logits.binaryCrossEntropy(toSoftTargets: targets) }
      case .classSensitivity(let sensitivity):
        guard sensitivity.at.contains(.plain), let plain else { return nil }
        return similarity(index, plain, plain)
      }
    }
    return outer(values, descents, cotangents, with: [network.parameters.map(\.record)])
  }

  /// For each update the classes it goes towards: objectives at virtual weights have two, one for either class.
  private var updates: [[Int]] {
    pairs.enumerated().flatMap { index, pair in
      isVirtual(index) ? pair.map { [$0.explained, $0.contrast] } ?? [] : []
    }
  }

  private func isVirtual(_ objective: Int) -> Bool {
    guard included[objective], case .classSensitivity(let sensitivity) = step.objectives[objective].objective else {
      return false
    }
    return sensitivity.at.contains(.virtual)
  }

  /// What an objective gets from one of the weights it is taken at: for each image the mean similarity of the two classes'
  /// maps over layers, over the number of such weights.
  private func similarity(_ objective: Int, _ explained: Inference, _ contrast: Inference) -> Tensor? {
    guard let pair = pairs[objective], case .classSensitivity(let sensitivity) = step.objectives[objective].objective
    else { return nil }
    return Profile.phase(.map) {
      let first = explained.maps(step.method, of: pair.explained, at: step.layers, createGraph: true)
      let second = contrast.maps(step.method, of: pair.contrast, at: step.layers, createGraph: true)
      let similarities = zip(first, second).map { sensitivity.similarity($0, $1) }
      let sum = similarities.dropFirst().reduce(similarities[0]) { $0 + $1 }
      return sum / Double(similarities.count * sensitivity.at.count)
    }
  }

  /// The derivatives of the weighted sum of `values`, [N] each, and of what the inner steps add to it.
  private func outer(
    _ values: [Tensor?], _ descents: [Descent], _ cotangents: [[Tensor]], with variables: [[Record]]
  ) -> Share {
    let terms = zip(values, step.objectives).compactMap { value, term in
      value.map { ($0, Tensor(repeating: term.weight / Double(count), shape: $0.shape, $0.scalarType)) }
    }
    let moves = zip(descents, cotangents).flatMap { $0.weighted(by: $1) }
    var found = Profile.phase(.outer) {
      gradients(
        of: terms.map(\.0.record) + moves.map(\.0), withRespectTo: variables.flatMap(\.self),
        cotangents: terms.map(\.1) + moves.map(\.1), releasingGraph: true)
    }[...]
    return Share(
      values: values.map { value in
        value.map { value in
          var all = [Double](repeating: 0, count: count)
          all.replaceSubrange(range, with: value.doubles)
          return all
        }
      },
      gradients: variables.map { variables in
        defer { found = found.dropFirst(variables.count) }
        return Array(found.prefix(variables.count))
      })
  }
}

extension MicroBatch.Descent {
  /// The displacements that depend on the weights, each with its cotangent; none if they are held constant.
  func weighted(by cotangents: [Tensor]) -> [(Record, Tensor)] {
    zip(displacements, cotangents).compactMap { move, cotangent in
      move.flatMap { $0.isTracked ? ($0, cotangent) : nil }
    }
  }

  /// The derivative of the weighted displacements with respect to the weights the step starts at.
  func pulledBack(_ cotangents: [Tensor]) -> [Tensor] {
    let moves = weighted(by: cotangents)
    return Profile.phase(.outer) {
      gradients(of: moves.map(\.0), withRespectTo: parameters, cotangents: moves.map(\.1), releasingGraph: true)
    }
  }
}
