import Networks
import Saliency
import Tensors

/// Some of a meta step's objectives on images that share one virtual update per class: a batch, or a single image.
struct Terms {
  private let step: MetaStep
  /// Objectives that take part, by their index.
  private let included: [Bool]

  init(_ step: MetaStep, _ included: [Bool]) {
    self.step = step
    self.included = zip(included, step.objectives).map { $0 && $1.weight != 0 }
  }

  /// Values are means over the images; the gradients are those of the means times the images' share of the batch.
  func outcome(
    _ network: Network, _ images: Tensor, _ labels: [Int], _ targets: Tensor, _ draws: [UInt64], share: Double
  ) -> MetaStep.Outcome {
    let variables = network.parameters.map { $0.tracked() }
    let network = network.with(parameters: variables)
    let normalizesByBatch = step.normalization == .batch

    let isTaskOn = zip(included, step.objectives).contains { $0 && $1.objective.isTask }
    let areMapsOn = zip(included, step.objectives).contains { $0 && !$1.objective.isTask }
    // One forward pass serves the task loss, the plain maps and the first inner step, unless they normalize differently.
    let (plain, task) = Profile.phase(.forward) {
      let plain =
        areMapsOn || !normalizesByBatch
        ? Inference(network, images, capturing: areMapsOn ? step.layers : []) : nil
      return (plain, isTaskOn && normalizesByBatch ? network(images, normalization: .batch) : plain?.output)
    }

    var values = [Tensor?](repeating: nil, count: step.objectives.count)
    for (index, term) in step.objectives.enumerated() where included[index] {
      switch term.objective {
      case .crossEntropy:
        // As a distribution, so that an image of several classes counts no more than another.
        values[index] = task?.logits.crossEntropy(toShares: targets / targets.sum([1], keepingAxes: true)).mean()
      case .binaryCrossEntropy: values[index] = task?.logits.binaryCrossEntropy(toShares: targets).mean()
      case .classSensitivity(let sensitivity):
        values[index] = plain.map { value(of: sensitivity, $0, labels, draws) }
      }
    }
    let terms = zip(values, step.objectives).compactMap { value, term in value.map { $0 * term.weight } }
    let total = terms.dropFirst().reduce(terms[0]) { $0 + $1 }
    return MetaStep.Outcome(
      gradients: Profile.phase(.outer) {
        gradients(
          of: total, withRespectTo: variables, weighting: Tensor(share, total.scalarType), releasingGraph: true)
      },
      values: values.map { $0?.item }, total: total.item,
      statistics: isTaskOn && normalizesByBatch ? task.map { network.updatingStatistics(from: $0) } : nil)
  }

  /// The mean similarity of the two classes' maps over images, layers, and the weights at which they are taken.
  private func value(
    of sensitivity: ClassSensitivity, _ plain: Inference, _ labels: [Int], _ draws: [UInt64]
  ) -> Tensor {
    let pair = sensitivity.classes(logits: plain.output.logits, labels: labels, draws: draws)
    var similarities: [Tensor] = []
    func compare(_ pass: (explained: Inference, opposed: Inference)) {
      similarities += Profile.phase(.map) {
        let explained = pass.explained.maps(step.method, of: pair.explained, at: step.layers, keepingGraph: true)
        let opposed = pass.opposed.maps(step.method, of: pair.opposed, at: step.layers, keepingGraph: true)
        return zip(explained, opposed).map { sensitivity.similarity($0, $1).mean() }
      }
    }
    for weights in sensitivity.at {
      switch weights {
      case .plain: compare((plain, plain))
      case .virtual:
        guard let inner = step.inner else { preconditionFailure("MetaStep: virtual weights without an inner update") }
        func moved(_ classes: [Int]) -> Inference {
          let moved = inner.applied(to: plain.network, plain.images, plain.output, towards: classes)
          return Profile.phase(.map) { Inference(moved, plain.images, capturing: step.layers) }
        }
        compare((moved(pair.explained), moved(pair.opposed)))
      }
    }
    return similarities.dropFirst().reduce(similarities[0]) { $0 + $1 } / Double(similarities.count)
  }
}

extension ClassSensitivity {
  /// The classes whose maps are compared, for each image; the opposed one always differs from the explained one.
  ///
  /// - Parameter draws: a random number per image, for opponents taken at random.
  public func classes(logits: Tensor, labels: [Int], draws: [UInt64]) -> (explained: [Int], opposed: [Int]) {
    let width = logits.shape[1]
    let scores = logits.doubles
    let explained = explain == .label ? labels : logits.argmax()
    let opposed = explained.enumerated().map { image, class_ in
      let others = (0..<width).filter { $0 != class_ }
      func score(_ other: Int) -> Double { scores[image * width + other] }
      switch against {
      case .bottom: return others.min { score($0) < score($1) } ?? class_
      case .second: return others.max { score($0) < score($1) } ?? class_
      case .random: return others[Int(draws[image] % UInt64(others.count))]
      }
    }
    return (explained, opposed)
  }
}
