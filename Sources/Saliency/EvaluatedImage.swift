import Networks
import Tensors

/// An image in an evaluation, with everything that measures and objectives may use. Results that need passes through
/// the network are computed on first use and then kept.
public final class EvaluatedImage {
  /// An object of known class in an image.
  public struct Object: Sendable {
    /// The object's class.
    public let label: Int
    /// The pixels that the object covers, by its mask if there is one and otherwise by its box.
    public let region: Region
    /// Whether the region comes from a mask.
    public let hasMask: Bool

    /// Creates an object.
    public init(label: Int, region: Region, hasMask: Bool) {
      (self.label, self.region, self.hasMask) = (label, region, hasMask)
    }
  }

  /// The network.
  public let network: EvaluatedNetwork
  /// The network's input, [1, H, W, 3], in the precision of ``EvaluatedNetwork/plain``.
  public let image: Tensor
  /// The network's input in the precision of maps, which is that of ``EvaluatedNetwork/explained``.
  public let exactImage: Tensor
  /// The image's class. If the image has several, it is the one that this sample stands for.
  public let label: Int
  /// All classes in the image.
  public let labels: [Int]
  /// The annotated objects in the image.
  public let objects: [Object]
  /// The image's index in the data set. A composite image has the index of its first part.
  public let index: Int
  /// The methods and layers of the evaluation, whose maps are made together.
  public let kind: ImageMaps.Kind
  /// The virtual update before maps are made at virtual weights; nil if there are only plain maps.
  public let update: InnerUpdate?
  /// The logits, [1, classes], in the precision of maps; not tracked.
  public let logits: Tensor
  /// The image's maps.
  public let maps: ImageMaps

  /// Creates an evaluated image by one pass through the network.
  ///
  /// - Parameters:
  ///   - image: [1, H, W, 3], normalized, in the network's own precision.
  ///   - network: the network.
  ///   - label: the image's class.
  ///   - labels: all classes in the image.
  ///   - objects: the annotated objects in the image.
  ///   - index: the image's index in the data set.
  ///   - kind: the methods and layers of the evaluation.
  ///   - layers: the layers whose activations the first pass keeps; nil for those of `kind`.
  ///   - update: the virtual update before maps are made at virtual weights; nil for none.
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

  /// The soft targets, [1, classes], which are 1 for each of the image's labels.
  public private(set) lazy var softTargets = Tensor.softTargets(
    of: [labels.map { ($0, 1) }], classes: logits.count, logits.scalarType)
  /// The softmax cross-entropy with equal soft targets for all labels.
  public private(set) lazy var crossEntropy =
    logits.crossEntropy(toSoftTargets: softTargets / Double(labels.count)).item
  /// The binary cross-entropy, the mean over classes.
  public private(set) lazy var binaryCrossEntropy = logits.binaryCrossEntropy(toSoftTargets: softTargets).item
  /// The most likely class.
  public private(set) lazy var top = logits.argmax()[0]
  /// The least likely class.
  public private(set) lazy var bottom = (logits * -1).argmax()[0]
  /// All classes, the most likely first.
  public private(set) lazy var ranking: [Int] = {
    let scores = logits.doubles
    return scores.indices.sorted { scores[$0] > scores[$1] }
  }()

  // MARK: - Changed images

  /// The logit of a class for each of several images.
  ///
  /// - Parameters:
  ///   - images: [N, H, W, 3], in the precision of ``image``.
  ///   - class_: the class; nil for the image's label.
  /// - Returns: N logits.
  public func logits(of images: Tensor, for class_: Int? = nil) -> [Double] {
    network.plain(images).logits.takenAlongLastAxis(Array(repeating: class_ ?? label, count: images.shape[0])).doubles
  }

  /// The probability of a class for each of several images.
  ///
  /// - Parameters:
  ///   - images: [N, H, W, 3], in the precision of ``image``.
  ///   - class_: the class; nil for the image's label.
  /// - Returns: N probabilities.
  public func probabilities(of images: Tensor, for class_: Int? = nil) -> [Double] {
    network.plain(images).logits.softmax()
      .takenAlongLastAxis(Array(repeating: class_ ?? label, count: images.shape[0])).doubles
  }

  /// Makes the map of a class for another image, at the layer's own resolution.
  ///
  /// - Parameters:
  ///   - image: [1, H, W, 3], in the precision of ``exactImage``.
  ///   - class_: the explained class.
  ///   - setting: the method, the layer and the weights.
  /// - Returns: the map, [1, h, w].
  public func map(ofChanged image: Tensor, class class_: Int, at setting: MapSetting) -> Tensor {
    let start = Inference(network.explained, image, capturing: [setting.layer])
    return ImageMaps(start).tensors(
      .init(methods: [setting.method], layers: [setting.layer]), of: class_, after: update(at: setting.weights))[0][0]
  }

  // MARK: - Maps

  /// The update before maps are made at these weights; nil for plain weights.
  public func update(at weights: MapWeights) -> InnerUpdate? { weights == .virtual ? update : nil }

  /// The map of a class at the image's resolution.
  ///
  /// - Parameters:
  ///   - class_: the explained class.
  ///   - setting: the method, the layer and the weights.
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
  ///   - class_: the explained class.
  ///   - setting: the method, the layer and the weights; the method and the layer are among those of the evaluation.
  /// - Returns: one map per network.
  public func maps(derivedFor measure: some Measure, of class_: Int, at setting: MapSetting) -> [ImageMap] {
    guard let m = kind.methods.firstIndex(of: setting.method), let l = kind.layers.firstIndex(of: setting.layer) else {
      preconditionFailure("EvaluatedImage: \(setting.method) at \(setting.layer) is no setting of the evaluation")
    }
    let key = Derivation(measure: measure.resultName, class_: class_, weights: setting.weights)
    let all =
      derivedMaps[key]
      ?? (network.derived[measure.resultName] ?? []).map { network in
        ImageMaps(Inference(network, exactImage, capturing: kind.layers))(
          kind, of: class_, after: update(at: setting.weights))
      }
    derivedMaps[key] = all
    return all.map { $0[m][l] }
  }

  /// The height and width of maps at a layer, before they are resized to the image; nil if the activation of the layer
  /// is not kept.
  public func mapSize(at layer: String) -> (height: Int, width: Int)? { maps.size(at: layer) }

  // MARK: - Objects

  /// The union of the regions of the label's objects; nil if there are none.
  public private(set) lazy var region: Region? = region(of: label)
  /// The union of the regions of a class's objects; nil if there are none.
  public func region(of class_: Int) -> Region? {
    let regions = objects.filter { $0.label == class_ }.map(\.region)
    return regions.dropFirst().reduce(regions.first) { $0?.union($1) }
  }
  /// Whether ``region`` includes a mask.
  public var hasMask: Bool { objects.contains { $0.label == label && $0.hasMask } }
  /// Whether the image has objects of other classes.
  public var hasDistractors: Bool { objects.contains { $0.label != label } }
}
