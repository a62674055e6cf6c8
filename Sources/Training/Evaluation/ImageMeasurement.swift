import Datasets
import Learning
import Networks
import Saliency
import Tensors

/// A network as an evaluation needs it.
struct Networks: Sendable {
  /// In the recipe's precision: what answers questions about changed images.
  let plain: Network
  /// In the evaluation's precision, its parameters tracked if they are moved: what maps are made of.
  let explained: Network
  /// The same made random, if that is measured.
  let cascading, independent: [Network]

  init(_ evaluation: Evaluation, _ network: Network) {
    plain = network
    let network = network.converted(to: evaluation.precision)
    func prepared(_ network: Network) -> Network {
      !evaluation.movesParameters ? network : network.with(parameters: network.parameters.map { $0.tracked() })
    }
    explained = prepared(network)
    func random(_ measure: Measure, isCascading: Bool) -> [Network] {
      guard evaluation.measures.contains(measure) else { return [] }
      return network.randomized(isCascading: isCascading).map { prepared($0.network) }
    }
    cascading = random(.cascadingRandomization, isCascading: true)
    independent = random(.independentRandomization, isCascading: false)
  }
}

/// All measures of one image. Maps are made once for each class that a measure asks about.
struct ImageMeasurement {
  private let evaluation: Evaluation
  private let networks: Networks
  /// [1, H, W, 3], as the network sees it; in the network's own precision, and in that of maps.
  private let image, exact: Tensor
  private let label: Int
  private let labels: [Int]
  /// The image's place in the data set.
  private let index: Int
  private let hasDistractors: Bool
  /// All of the label's objects: each one's mask, or else its box.
  private let region: Region?
  /// Whether there is a mask among them.
  private let hasMask: Bool

  init(
    _ evaluation: Evaluation, _ networks: Networks, _ image: Tensor, label: Int, labels: [Int],
    objects: [Sample.Object],
    index: Int
  ) {
    (self.evaluation, self.networks, self.image) = (evaluation, networks, image)
    (self.label, self.labels, self.index) = (label, labels, index)
    hasDistractors = objects.contains { $0.label != label }
    exact = image.converted(to: evaluation.precision)
    let own = objects.filter { $0.label == label }
    let (height, width) = (image.shape[1], image.shape[2])
    let regions = own.map { object in
      object.mask.map { Region(width: width, height: height, mask: $0) }
        ?? Region(width: width, height: height, boxes: [(object.columns, object.rows)])
    }
    region = regions.dropFirst().reduce(regions.first) { $0?.union($1) }
    hasMask = own.contains { $0.mask != nil }
  }

  private func has(_ measure: Measure) -> Bool { evaluation.measures.contains(measure) }

  private var kind: ImageMaps.Kind { .init(methods: evaluation.methods, layers: evaluation.layers) }

  /// The update before maps are made at these weights.
  private func update(_ weights: MapWeights) -> InnerUpdate? {
    weights == .virtual ? evaluation.update : nil
  }

  func result() -> Evaluation.ImageResult {
    let isLocalized = has(.pointingGame) || has(.energy) || has(.contentHeatmap)
    let layers = evaluation.measures.isEmpty ? evaluation.goal?.layers ?? [] : evaluation.layers
    let start = Inference(networks.explained, exact, capturing: layers)
    let logits = start.output.logits.detached()
    let scores = logits.doubles
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    let maps = ImageMaps(start)
    let targets = Tensor.softTargets(of: [labels.map { Target($0) }], classes: scores.count, logits.scalarType)
    let loss = logits.crossEntropy(toSoftTargets: targets / Double(labels.count)).item
    let binaryLoss = logits.binaryCrossEntropy(toSoftTargets: targets).item
    let evaluated = EvaluatedImage(
      logits: logits, label: label, labels: labels, index: index, crossEntropy: loss, binaryCrossEntropy: binaryLoss,
      maps: maps, kind: evaluation.measures.isEmpty ? .init(methods: [], layers: []) : kind)
    let objectives = (evaluation.goal?.objectives ?? []).map { term -> Score.Value? in
      guard term.weight != 0, let goal = evaluation.goal else { return .defined(0) }
      return term.objective.score(of: evaluated, weight: term.weight, in: goal)
    }
    var result = Evaluation.ImageResult(
      item: .init(
        label: label, confidence: logits.softmax().doubles[label], coverage: region?.share,
        hasDistractors: hasDistractors,
        centre: isLocalized
          ? region.map { ImageMap.pointingOfCentre(at: $0, tolerance: evaluation.tolerance) } ?? .undefined("no region")
          : .undefined("not measured"),
        logits: scores, isCorrect: logits.isFinite && labels.contains(logits.argmax()[0]),
        hasFiniteLogits: logits.isFinite,
        objectives: objectives, labels: labels, loss: loss, binaryLoss: binaryLoss))
    guard !evaluation.measures.isEmpty else { return result }

    let (top, bottom) = (logits.argmax()[0], (logits * -1).argmax()[0])
    for weights in evaluation.weights {
      func own(_ class_: Int) -> [[ImageMap]] { maps(kind, of: class_, after: update(weights)) }
      for (m, method) in evaluation.methods.enumerated() {
        for (l, layer) in evaluation.layers.enumerated() {
          let setting = Evaluation.Setting(method: method, layer: layer, weights: weights)
          for measure in evaluation.measures {
            guard let value = value(of: measure, setting, top, bottom, order, { own($0)[m][l] }) else { continue }
            result.values.append((measure, setting, value))
          }
        }
      }
      randomizations(weights, own, &result)
    }
    return result
  }

  /// The value of a measure, nil if it is not measured map by map.
  private func value(
    of measure: Measure, _ setting: Evaluation.Setting, _ top: Int, _ bottom: Int, _ order: [Int],
    _ map: (Int) -> ImageMap
  ) -> Score.Value? {
    func probabilities(_ images: Tensor) -> [Double] {
      networks.plain(images).logits.softmax().takenAlongLastAxis(Array(repeating: label, count: images.shape[0]))
        .doubles
    }
    switch measure {
    case .classSensitivity: return map(top).rankCorrelation(with: map(bottom))
    case .topSecondSensitivity: return map(top).rankCorrelation(with: map(order[min(1, order.count - 1)]))
    case .pairwiseSensitivity:
      return ImageMap.meanRankCorrelation(order.sorted().map(map))
    case .pointingGame:
      guard let region else { return .undefined("no region") }
      return map(label).pointing(at: region, tolerance: evaluation.tolerance)
    case .energy: return region.map { map(label).energy(in: $0) } ?? .undefined("no region")
    case .contentHeatmap:
      guard let region, hasMask else { return .undefined("no masks") }
      return map(label).energy(in: region)
    case .insertion:
      return DeletionGame(steps: evaluation.steps).insertion(map(label), image, score: probabilities)
    case .deletion: return DeletionGame(steps: evaluation.steps).deletion(map(label), image, score: probabilities)
    case .road: return RemoveAndDebias()(map(label), image, score: probabilities)
    case .sparseness: return map(label).sparseness
    case .infidelity:
      return Robustness().infidelity(map(label), image) { images in
        networks.plain(images).logits.takenAlongLastAxis(Array(repeating: label, count: images.shape[0])).doubles
      }
    case .maxSensitivity:
      func explained(_ image: Tensor) -> Tensor {
        let start = Inference(networks.explained, image, capturing: [setting.layer])
        let kind = ImageMaps.Kind(methods: [setting.method], layers: [setting.layer])
        return ImageMaps(start).tensors(kind, of: label, after: update(setting.weights))[0][0]
      }
      return Robustness().maxSensitivity(explained(exact), exact, explain: explained)
    case .gridPointing, .cascadingRandomization, .independentRandomization: return nil
    }
  }

  /// How alike maps are to those of networks made random: means over the networks, for the label throughout.
  private func randomizations(
    _ weights: MapWeights, _ maps: (Int) -> [[ImageMap]], _ result: inout Evaluation.ImageResult
  ) {
    for (measure, randomized) in [
      (Measure.cascadingRandomization, networks.cascading), (.independentRandomization, networks.independent),
    ] where has(measure) {
      let others = randomized.map { network in
        let start = Inference(network, exact, capturing: evaluation.layers)
        return ImageMaps(start)(kind, of: label, after: update(weights))
      }
      for (m, method) in evaluation.methods.enumerated() {
        for (l, layer) in evaluation.layers.enumerated() {
          let own = maps(label)[m][l]
          let score = Score(others.map { own.rankCorrelation(with: $0[m][l]) })
          let reason = own.state == .defined ? "random networks' maps constant or not finite" : own.state.rawValue
          result.values.append(
            (
              measure, .init(method: method, layer: layer, weights: weights), .init(score.mean, orUndefined: reason)
            ))
        }
      }
    }
  }
}
