import Components
import Networks
import Saliency
import Tensors

/// The similarity of the maps for two classes, or for all pairs of the most likely classes: the training form of class
/// sensitivity ("There and Back Again", section 4.2). It is the mean over images, layers and weights. Evaluations report
/// Spearman's rank correlation, which itself has no useful derivative.
public struct ClassSensitivity: OuterObjective, Equatable {
  /// The weights at which maps are compared: the network's own weights, or those after the virtual update towards each
  /// class.
  public typealias Weights = MapWeights

  /// The choice of the explained class: the label, or the most likely class.
  public enum Explained: String, Sendable, CaseIterable { case label, top }

  /// The choice of the contrast class among the other classes: the least likely one, the most likely one, or a random
  /// one; or all, for the mean over all pairs of the explained class and the most likely other ones.
  public enum Contrast: String, Sendable, CaseIterable { case bottom, second, random, all }

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
  /// The number of classes whose pairs are compared against ``Contrast/all``: the explained one and the most likely other ones, if there are
  /// so many. Each takes a backward pass, and at virtual weights an update of its own.
  public var classes: Int
  /// The strength of the regularization of the soft ranks of `Similarity.spearman`, relative to the std of a map.
  public var regularization: Double

  /// Creates the objective. By default it compares the label with the least likely class, at plain and virtual weights,
  /// by Pearson's correlation.
  public init(
    at: [Weights] = [.plain, .virtual], explain: Explained = .label, against: Contrast = .bottom,
    similarity: Similarity = .pearson, classes: Int = Self.classes,
    regularization: Double = Similarity.regularization
  ) {
    (self.at, self.explain, self.against, self.similarity) = (at, explain, against, similarity)
    (self.classes, self.regularization) = (classes, regularization)
  }

  /// The number of classes that are compared against all unless another one is given.
  public static let classes = 5

  public mutating func visit(_ keys: Keys) {
    keys("at", &at, .list(.choice(), atLeast: 1))
    keys("explain", &explain, .choice())
    keys("against", &against, .choice())
    keys("classes", &classes, .integer(2...1000))
    keys.similarity(&similarity, &regularization)
    if Set(at).count < at.count { keys.refuse("at", "the same weights twice") }
    if against != .all, classes != Self.classes {
      keys.refuse("classes", "expected only with `against: all`, found with `against: \(against)`")
    }
  }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(
      layers: maps.layers, usesVirtualWeights: at.contains(.virtual), classes: 2,
      mapClasses: against == .all ? classes : 2)
  }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let (similarity, regularization) = (similarity, regularization)
    if against == .all {
      let slots = compared(logits: images.plain.output.logits.detached(), labels: images.labels)
      return images.terms(at: at, of: slots) { layers in
        layers.map { similarity.mean(overPairsOf: $0, regularization: regularization) }.mean
      }
    }
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
        let similarities = zip(first, second).map { similarity($0, $1, regularization: regularization) }
        let sum = similarities.dropFirst().reduce(similarities[0]) { $0 + $1 }
        return sum / Double(similarities.count * at.count)
      }
    }
  }

  /// Chooses the explained class and the contrast class of each image. They differ, unless the network has only one
  /// class. Against all, the contrast class is the most likely other one.
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
      case .second, .all: return others.max { score($0) < score($1) } ?? class_
      case .random: return others.isEmpty ? class_ : others[Int(draws[image] % UInt64(others.count))]
      }
    }
    return (explained, contrast)
  }

  /// The classes whose pairs are compared against all: the explained class of each image, then the most likely others. Among
  /// equally likely classes the first come first.
  ///
  /// - Parameters:
  ///   - logits: [N, classes].
  ///   - labels: N classes.
  /// - Returns: the class of each image, slot by slot.
  func compared(logits: Tensor, labels: [Int]) -> [[Int]] {
    let (width, scores) = (logits.shape[1], logits.doubles)
    let explained = explain == .label ? labels : logits.argmax()
    let images = explained.enumerated().map { image, class_ in
      func score(_ other: Int) -> Double { scores[image * width + other] }
      let others = (0..<width).filter { $0 != class_ }.sorted { a, b in
        score(a) == score(b) ? a < b : score(a) > score(b)
      }
      return [class_] + others.prefix(classes - 1)
    }
    return (0..<min(classes, width)).map { slot in images.map { $0[slot] } }
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
    let kind = image.kind.covering(step.method, step.layers)
    func maps(_ class_: Int, _ update: InnerUpdate?) -> [ImageMap] {
      guard let method = kind.methods.firstIndex(of: step.method) else { return [] }
      let all = image.maps(kind, of: class_, after: update)[method]
      return step.layers.compactMap { kind.layers.firstIndex(of: $0).map { all[$0] } }
    }
    let (classes, worst) = (scored(image), weight < 0 ? -1.0 : 1)
    let values = at.flatMap { weights -> [Score.Value] in
      let update = weights == .virtual ? step.inner?.ofOneImage : nil
      let all = classes.map { maps($0, update) }
      return step.layers.indices.map { layer in
        let maps = all.compactMap { $0.indices.contains(layer) ? $0[layer] : nil }
        guard maps.count > 1, !maps.contains(where: { $0.state == .notFinite }) else {
          return .undefined(MapState.notFinite.rawValue)
        }
        if maps.count == 2 { return .defined(maps[0].rankCorrelation(with: maps[1]).number ?? worst) }
        func pairs(_ count: Int) -> Double { Double(count * (count - 1)) }
        let (defined, total) = (pairs(maps.count { $0.state == .defined }), pairs(maps.count))
        let mean = ImageMap.meanRankCorrelation(maps).number ?? worst
        return .defined((mean * defined + worst * (total - defined)) / total)
      }
    }
    let score = Score(values)
    guard score.undefined == 0, let mean = score.mean else { return .undefined(MapState.notFinite.rawValue) }
    return .defined(mean)
  }
}

extension ClassSensitivity {
  /// The classes whose maps are compared for an image of an evaluation.
  private func scored(_ image: EvaluatedImage) -> [Int] {
    if against == .all { return compared(logits: image.logits, labels: [image.label]).map { $0[0] } }
    var random = RandomSource(seed: 0, purpose: "opponents", image.index)
    let classes = classes(logits: image.logits, labels: [image.label], draws: [random.next()])
    return [classes.explained[0], classes.contrast[0]]
  }
}

extension Keys {
  /// Visits the similarity of an objective that compares maps, and the strength of its soft ranks.
  func similarity(_ similarity: inout Similarity, _ regularization: inout Double) {
    self("similarity", &similarity, .choice())
    self("regularization", &regularization, .number(1e-6...1e6))
    if similarity != .spearman, regularization != Similarity.regularization {
      refuse(
        "regularization", "expected only with `similarity: spearman`, found with `similarity: \(similarity.rawValue)`")
    }
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
