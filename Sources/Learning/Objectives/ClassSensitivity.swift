import Components
import Networks
import Saliency
import Tensors

/// The similarity of the maps for two classes: the training form of class sensitivity ("There and Back Again", section
/// 4.2). It is the mean over images, layers and weights. Evaluations report Spearman's rank correlation instead, which
/// has no useful derivative.
public struct ClassSensitivity: OuterObjective, Equatable {
  /// The weights at which maps are compared: the network's own weights, or those after the virtual update towards each
  /// class.
  public typealias Weights = MapWeights

  /// The choice of the explained class: the label, or the most likely class.
  public enum Explained: String, Sendable, CaseIterable { case label, top }

  /// The choice of the contrast class among the other classes: the least likely one, the most likely one, or a random
  /// one.
  public enum Contrast: String, Sendable, CaseIterable { case bottom, second, random }

  public let name = "class_sensitivity"
  public let mapDemand: MapDemand? = .difference
  /// The weights at which maps are compared; the value is the mean over these.
  public var at: [Weights]
  /// The choice of the explained class.
  public var explain: Explained
  /// The choice of the contrast class.
  public var against: Contrast
  /// The similarity of two maps.
  public var similarity: Similarity

  /// Creates the objective. By default it compares the label with the least likely class, at plain and virtual weights,
  /// by Pearson's correlation.
  public init(
    at: [Weights] = [.plain, .virtual], explain: Explained = .label, against: Contrast = .bottom,
    similarity: Similarity = .pearson
  ) {
    (self.at, self.explain, self.against, self.similarity) = (at, explain, against, similarity)
  }

  public mutating func visit(_ keys: Keys) {
    keys("at", &at, .list(.choice(), atLeast: 1))
    keys("explain", &explain, .choice())
    keys("against", &against, .choice())
    keys("similarity", &similarity, .choice())
    if Set(at).count < at.count { keys.refuse("at", "the same weights twice") }
  }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(layers: maps.layers, usesVirtualWeights: at.contains(.virtual), classes: 2)
  }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let (explained, contrast) = classes(
      logits: images.plain.output.logits.detached(), labels: images.labels, draws: images.draws)
    let maps = images.maps
    return at.map { weights in
      let passes = [explained, contrast].map { classes in
        PassRequest(weights == .plain ? .plain : .virtual(towards: classes), layers: maps.layers)
      }
      return ObjectiveTerm(passes) { passes in
        let first = passes[0].maps(maps.method, of: explained, at: maps.layers, createGraph: true)
        let second = passes[1].maps(maps.method, of: contrast, at: maps.layers, createGraph: true)
        let similarities = zip(first, second).map { similarity($0, $1) }
        let sum = similarities.dropFirst().reduce(similarities[0]) { $0 + $1 }
        return sum / Double(similarities.count * at.count)
      }
    }
  }

  /// Chooses the explained class and the contrast class of each image. They differ, unless the network has only one
  /// class.
  ///
  /// - Parameters:
  ///   - logits: [N, classes].
  ///   - labels: N classes.
  ///   - draws: a random number per image, for random contrast classes.
  /// - Returns: both classes of each image.
  public func classes(logits: Tensor, labels: [Int], draws: [UInt64]) -> (explained: [Int], contrast: [Int]) {
    let width = logits.shape[1]
    let scores = logits.doubles
    let explained = explain == .label ? labels : logits.argmax()
    let contrast = explained.enumerated().map { image, class_ in
      let others = (0..<width).filter { $0 != class_ }
      func score(_ other: Int) -> Double { scores[image * width + other] }
      switch against {
      case .bottom: return others.min { score($0) < score($1) } ?? class_
      case .second: return others.max { score($0) < score($1) } ?? class_
      case .random: return others.isEmpty ? class_ : others[Int(draws[image] % UInt64(others.count))]
      }
    }
    return (explained, contrast)
  }

  public func contrastClass(to label: Int, logits: Tensor) -> Int? {
    var copy = self
    copy.explain = .label
    return copy.classes(logits: logits, labels: [label], draws: [0]).contrast[0]
  }
}

extension ClassSensitivity {
  /// The mean rank correlation over the objective's weights and layers. A constant map does not depend on the class, so
  /// it gets the worst value; a map that is not finite makes the score undefined. If the inner update has batch scope,
  /// the maps here are those after an update of the image alone. Random contrast classes are drawn from the image's
  /// index in the data set, so that they are the same in every evaluation. Their random stream keeps its former name,
  /// "opponents", because another name would give other numbers.
  public func score(of image: EvaluatedImage, weight: Double, in step: MetaStep) -> Score.Value? {
    var random = RandomSource(seed: 0, purpose: "opponents", image.index)
    let classes = classes(logits: image.logits, labels: [image.label], draws: [random.next()])
    let kind = image.kind.covering(step.method, step.layers)
    func maps(_ class_: Int, _ update: InnerUpdate?) -> [ImageMap] {
      guard let method = kind.methods.firstIndex(of: step.method) else { return [] }
      let all = image.maps(kind, of: class_, after: update)[method]
      return step.layers.compactMap { kind.layers.firstIndex(of: $0).map { all[$0] } }
    }
    let values = at.flatMap { weights -> [Score.Value] in
      let update = weights == .virtual ? step.inner?.ofOneImage : nil
      let (first, second) = (maps(classes.explained[0], update), maps(classes.contrast[0], update))
      return zip(first, second).map { a, b in
        if a.state == .notFinite || b.state == .notFinite { return .undefined(MapState.notFinite.rawValue) }
        return .defined(a.rankCorrelation(with: b).number ?? (weight < 0 ? -1 : 1))
      }
    }
    let score = Score(values)
    guard score.undefined == 0, let mean = score.mean else { return .undefined(MapState.notFinite.rawValue) }
    return .defined(mean)
  }
}

extension InnerUpdate {
  /// The same update in image scope and with exact order. No derivative is taken here, so that updates with the same
  /// effect compare equal.
  fileprivate var ofOneImage: InnerUpdate {
    var update = self
    (update.scope, update.order) = (.image, .exact)
    return update
  }
}

extension OuterObjective where Self == ClassSensitivity {
  /// The similarity of the maps for two classes.
  public static func classSensitivity(_ sensitivity: ClassSensitivity) -> Self { sensitivity }
}
