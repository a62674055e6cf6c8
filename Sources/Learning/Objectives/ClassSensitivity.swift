import Components
import Networks
import Saliency
import Tensors

/// How alike the maps for two classes are: the training form of class sensitivity ("There and Back Again", section 4.2), a
/// mean over images, layers and the weights it is taken at. Spearman's rank correlation, which is reported, has no derivative.
public struct ClassSensitivity: OuterObjective, Equatable {
  /// The weights at which maps are compared: the network's own, or those after each class's virtual update.
  public typealias Weights = MapWeights

  /// The class explained.
  public enum Explained: String, Sendable, CaseIterable { case label, top }

  /// The class it is held against, always another one: the least likely, the most likely, or any.
  public enum Contrast: String, Sendable, CaseIterable { case bottom, second, random }

  public let name = "class_sensitivity"
  /// Where maps are compared: the mean over these.
  public var at: [Weights]
  /// Which class is explained.
  public var explain: Explained
  /// Which class it is held against.
  public var against: Contrast
  /// How maps are compared.
  public var similarity: Similarity

  /// Label against the least likely class, at both weights, by Pearson's correlation, unless told otherwise.
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

  /// The classes whose maps are compared, for each image; the contrast class differs from the explained one, unless there is
  /// no other.
  ///
  /// - Parameters:
  ///   - logits: [N, classes].
  ///   - labels: N classes.
  ///   - draws: a random number per image, for contrast classes taken at random.
  /// - Returns: the two classes of each image.
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
  /// The mean rank correlation over the weights and layers that the objective compares. A map that is constant counts as one
  /// that does not depend on the class, at the worst value there is; of one that is not finite there is none. Maps after an
  /// inner update of a batch are taken after one of the image alone. Random contrast classes are drawn from the image's place
  /// in the data set, so that they stay the same. Their stream of random numbers keeps its former name, "opponents": another
  /// name would give other numbers.
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
  /// The same where a single image is moved and nothing is differentiated, so that updates of one effect are equal.
  fileprivate var ofOneImage: InnerUpdate {
    var update = self
    (update.scope, update.order) = (.image, .exact)
    return update
  }
}

extension OuterObjective where Self == ClassSensitivity {
  /// How alike the maps for two classes are.
  public static func classSensitivity(_ sensitivity: ClassSensitivity) -> Self { sensitivity }
}
