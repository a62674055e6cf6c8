import Networks
import Saliency
import Tensors

extension ImageMaps {
  /// What an objective is on this image: for class sensitivity the mean rank correlation over its weights and layers. A map that
  /// is constant counts as one that does not depend on the class, at the worst value there is; of one that is not finite
  /// there is none.
  ///
  /// - Parameters:
  ///   - kind: what is made of the image besides, so that maps may be shared.
  ///   - image: its place in the data set, which random contrast classes are drawn from, so that they stay the same.
  public func sensitivity(
    _ sensitivity: ClassSensitivity, weight: Double, _ goal: MetaStep, _ kind: Kind, logits: Tensor, label: Int,
    image: Int
  ) -> Score.Value {
    var random = RandomSource(seed: 0, purpose: "opponents", image)
    let classes = sensitivity.classes(logits: logits, labels: [label], draws: [random.next()])
    let kind = kind.covering(goal.method, goal.layers)
    func maps(_ class_: Int, _ update: InnerUpdate?) -> [ImageMap] {
      guard let method = kind.methods.firstIndex(of: goal.method) else { return [] }
      let all = self(kind, of: class_, after: update)[method]
      return goal.layers.compactMap { kind.layers.firstIndex(of: $0).map { all[$0] } }
    }
    let values = sensitivity.at.flatMap { weights -> [Score.Value] in
      let update = weights == .virtual ? goal.inner?.ofOneImage : nil
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
