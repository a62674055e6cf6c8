import Networks
import Tensors

/// One image of an evaluation: all that measures and objectives may ask of it. What takes passes through the network is made
/// when it is first asked for, and then kept.
public final class EvaluatedImage {
  /// Something in an image whose class is known.
  public struct Object: Sendable {
    /// Its class.
    public let label: Int
    /// The pixels that its mask covers, or else its box.
    public let region: Region
    /// Whether the region is a mask's.
    public let hasMask: Bool

    /// An object in an image.
    public init(label: Int, region: Region, hasMask: Bool) {
      (self.label, self.region, self.hasMask) = (label, region, hasMask)
    }
  }

  /// The network.
  public let network: EvaluatedNetwork
  /// The image as the network sees it, [1, H, W, 3], in the precision of ``EvaluatedNetwork/plain``.
  public let image: Tensor
  /// The same in the precision of maps, that of ``EvaluatedNetwork/explained``.
  public let exactImage: Tensor
  /// The image's class; of an image with several, the one that it stands for.
  public let label: Int
  /// All classes in the image.
  public let labels: [Int]
  /// What is known to be in the image.
  public let objects: [Object]
  /// The image's place in the data set. An image that is made of several has the first one's.
  public let index: Int
  /// The methods and layers of the evaluation. Maps of these are made together.
  public let kind: ImageMaps.Kind
  /// The update towards a class before its map is made at virtual weights; nil if there are only plain ones.
  public let update: InnerUpdate?
  /// What the network gives, [1, classes], in the precision of maps. It is not recorded.
  public let logits: Tensor
  /// The image's maps.
  public let maps: ImageMaps

  /// One image, which goes through the network once.
  ///
  /// - Parameters:
  ///   - image: [1, H, W, 3], normalized, in the network's own precision.
  ///   - network: the network.
  ///   - label: the image's class.
  ///   - labels: all classes in the image.
  ///   - objects: what is known to be in the image.
  ///   - index: the image's place in the data set.
  ///   - kind: the methods and layers of the evaluation.
  ///   - layers: layers whose activations the first pass keeps; nil for those of `kind`.
  ///   - update: the update before maps are made at virtual weights; nil for none.
  public init(
    _ image: Tensor, of network: EvaluatedNetwork, label: Int, labels: [Int], objects: [Object] = [], index: Int,
    kind: ImageMaps.Kind, capturing layers: [String]? = nil, update: InnerUpdate? = nil
  ) {
    (self.image, self.network, self.label, self.labels) = (image, network, label, labels)
    (self.objects, self.index, self.kind, self.update) = (objects, index, kind, update)
    exactImage = image.converted(to: network.explained.scalarType)
    let start = Inference(network.explained, exactImage, capturing: layers ?? kind.layers)
    logits = start.output.logits.detached()
    maps = ImageMaps(start)
  }

  // MARK: - Classes

  /// How much of each class the image is, [1, classes]: 1 for each of its labels.
  public private(set) lazy var softTargets = Tensor.softTargets(
    of: [labels.map { ($0, 1) }], classes: logits.count, logits.scalarType)
  /// Softmax cross-entropy to the labels, each with the same share.
  public private(set) lazy var crossEntropy =
    logits.crossEntropy(toSoftTargets: softTargets / Double(labels.count)).item
  /// Binary cross-entropy of each class by itself.
  public private(set) lazy var binaryCrossEntropy = logits.binaryCrossEntropy(toSoftTargets: softTargets).item
  /// The most likely class.
  public private(set) lazy var top = logits.argmax()[0]
  /// The least likely class.
  public private(set) lazy var bottom = (logits * -1).argmax()[0]
  /// All classes, the likeliest first.
  public private(set) lazy var ranking: [Int] = {
    let scores = logits.doubles
    return scores.indices.sorted { scores[$0] > scores[$1] }
  }()

  // MARK: - Changed images

  /// The logits of a class on other images.
  ///
  /// - Parameters:
  ///   - images: [N, H, W, 3], in the precision of ``image``.
  ///   - class_: the class; nil for the image's own.
  /// - Returns: one for each image.
  public func logits(of images: Tensor, for class_: Int? = nil) -> [Double] {
    network.plain(images).logits.takenAlongLastAxis(Array(repeating: class_ ?? label, count: images.shape[0])).doubles
  }

  /// The probabilities of a class on other images.
  ///
  /// - Parameters:
  ///   - images: [N, H, W, 3], in the precision of ``image``.
  ///   - class_: the class; nil for the image's own.
  /// - Returns: one for each image.
  public func probabilities(of images: Tensor, for class_: Int? = nil) -> [Double] {
    network.plain(images).logits.softmax()
      .takenAlongLastAxis(Array(repeating: class_ ?? label, count: images.shape[0])).doubles
  }

  /// The map of a class of another image, at the layer's own resolution.
  ///
  /// - Parameters:
  ///   - image: [1, H, W, 3], in the precision of ``exactImage``.
  ///   - class_: the class explained.
  ///   - setting: how the map is made.
  /// - Returns: the map, [1, h, w].
  public func map(ofChanged image: Tensor, class class_: Int, at setting: MapSetting) -> Tensor {
    let start = Inference(network.explained, image, capturing: [setting.layer])
    return ImageMaps(start).tensors(
      .init(methods: [setting.method], layers: [setting.layer]), of: class_, after: update(at: setting.weights))[0][0]
  }

  // MARK: - Maps

  /// The update before maps are made at these weights; nil for none.
  public func update(at weights: MapWeights) -> InnerUpdate? { weights == .virtual ? update : nil }

  /// The map of a class at the image's resolution.
  ///
  /// - Parameters:
  ///   - class_: the class explained.
  ///   - setting: how the map is made.
  /// - Returns: the map.
  public func map(of class_: Int, at setting: MapSetting) -> ImageMap {
    maps(setting.method, at: [setting.layer], of: class_, after: update(at: setting.weights), among: kind)[0]
  }

  private struct Derivation: Hashable {
    let measure: String
    let class_: Int
    let weights: MapWeights
  }

  private var derivedMaps: [Derivation: [[[ImageMap]]]] = [:]

  /// The maps of a class by the networks that a measure derives from this one.
  ///
  /// - Parameters:
  ///   - measure: the measure; see ``Measure/derivedNetworks(of:)``.
  ///   - class_: the class explained.
  ///   - setting: how maps are made; its method and layer are among those of the evaluation.
  /// - Returns: one for each network.
  public func maps(derivedFor measure: some Measure, of class_: Int, at setting: MapSetting) -> [ImageMap] {
    guard let m = kind.methods.firstIndex(of: setting.method), let l = kind.layers.firstIndex(of: setting.layer) else {
      preconditionFailure("EvaluatedImage: \(setting.method) at \(setting.layer) is no setting of the evaluation")
    }
    let key = Derivation(measure: measure.name, class_: class_, weights: setting.weights)
    let all =
      derivedMaps[key]
      ?? (network.derived[measure.name] ?? []).map { network in
        ImageMaps(Inference(network, exactImage, capturing: kind.layers))(
          kind, of: class_, after: update(at: setting.weights))
      }
    derivedMaps[key] = all
    return all.map { $0[m][l] }
  }

  // MARK: - Objects

  /// What the label's objects cover together, each one's mask or else its box; nil if there are none.
  public private(set) lazy var region: Region? = {
    let regions = objects.filter { $0.label == label }.map(\.region)
    return regions.dropFirst().reduce(regions.first) { $0?.union($1) }
  }()
  /// Whether a mask is part of ``region``.
  public var hasMask: Bool { objects.contains { $0.label == label && $0.hasMask } }
  /// Whether there are objects of other classes too.
  public var hasDistractors: Bool { objects.contains { $0.label != label } }
}
