import Learning
import Networks
import Saliency
import Tensors

/// The maps of one image by a network, each made once however many measures ask for it.
final class ImageMaps {
  /// What maps are made of, all at once.
  struct Kind: Hashable {
    var methods: [Method]
    var layers: [String]

    /// This, if it has the method and layers, which then come with what is made anyway; else just these.
    func covering(_ method: Method, _ layers: [String]) -> Kind {
      methods.contains(method) && layers.allSatisfy(self.layers.contains)
        ? self : Kind(methods: [method], layers: layers)
    }
  }

  private struct Request: Hashable {
    let kind: Kind
    let class_: Int
    let update: InnerUpdate?
  }

  private let start: Inference
  private var known: [Request: [[ImageMap]]] = [:]

  /// - Parameter start: the network's pass over one image; its parameters are tracked if updates are asked for.
  init(_ start: Inference) { self.start = start }

  /// The maps of a class at the image's resolution, [method][layer].
  ///
  /// - Parameter update: the virtual update towards the class after which they are made; nil for none.
  func callAsFunction(_ kind: Kind, of class_: Int, after update: InnerUpdate?) -> [[ImageMap]] {
    let request = Request(kind: kind, class_: class_, update: update)
    if let maps = known[request] { return maps }
    let maps = tensors(kind, of: class_, after: update).map { maps in
      maps.map { ImageMap($0, width: start.images.shape[2], height: start.images.shape[1]) }
    }
    known[request] = maps
    return maps
  }

  /// The same at the layers' own resolutions, [1, h, w], made anew.
  func tensors(_ kind: Kind, of class_: Int, after update: InnerUpdate?) -> [[Tensor]] {
    var inference = start
    if let update {
      let moved = update.applied(to: start.network, start.images, start.output, towards: [class_])
      inference = Inference(moved, start.images, capturing: kind.layers)
    }
    return inference.maps(kind.methods, of: [class_], at: kind.layers)
  }
}

extension ImageMaps {
  /// What an objective is on this image: for class sensitivity the mean rank correlation over its weights and layers. A map that
  /// is constant counts as one that does not depend on the class, at the worst value there is; of one that is not finite
  /// there is none.
  ///
  /// - Parameters:
  ///   - kind: what is made of the image besides, so that maps may be shared.
  ///   - image: its place in the data set, which random contrast classes are drawn from, so that they stay the same.
  func sensitivity(
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
