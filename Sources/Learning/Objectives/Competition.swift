import Components
import Saliency
import Tensors

/// Competition of the maps of the classes of a mosaic for every location: the mean over the locations u that show a class, over layers
/// and weights, of −log p_k(u), where k is the class shown at u and
///
///     p_k(u) = (M_k(u) + ε s) / Σ_j (M_j(u) + ε s),      s = mean over u of Σ_j M_j(u)
///
/// with the positive parts M_j of the maps of the mosaic's classes. It is a cross-entropy over classes at each location: a class has to claim
/// its own cells more strongly than any other class does. Noise does not help, and a factor that all maps share cancels, such as the norm of
/// the activation in NormGrad. For equal maps of K classes the value is log K. The floor ε bounds it where maps vanish, as those of
/// linear approximation and Grad-CAM do after their ReLU.
///
/// With `images: objects` the classes compete for the pixels of the annotated objects of the batch's own images instead of for the cells of
/// mosaics.
///
/// Related: composition of several images in one and maps that compete, as in Gairola, Böhle, Locatello and Schiele 2025 ("How to
/// Probe") for the evaluation; the loss is metasal's own.
public struct Competition: OuterObjective {
  public let name = "competition"
  public let mapDemand: MapDemand? = .place
  /// The weights at which maps are made; the value is the mean over them.
  public var at: [MapWeights]
  /// ε, relative to the mean over locations of the sum of the maps.
  public var floor: Double
  /// Whether maps are made on mosaics, or on the batch's images with their annotated objects. Of these, images with objects
  /// of fewer than two classes have the value 0.
  public var images: ObjectSource
  /// The mosaics; they have no effect on annotated objects.
  public var mosaics: Mosaics

  /// Creates the objective; by default at the network's own weights.
  public init(
    at: [MapWeights] = [.plain], floor: Double = 0.01, images: ObjectSource = .mosaics, mosaics: Mosaics = Mosaics()
  ) {
    (self.at, self.floor, self.images, self.mosaics) = (at, floor, images, mosaics)
  }

  public mutating func visit(_ keys: Keys) {
    keys("at", &at, .list(.choice(), atLeast: 1))
    keys("floor", &floor, .number(1e-6...1))
    keys("images", &images, .choice())
    if images == .mosaics { mosaics.visit(keys) }
    keys.requireDistinct("at", at.map(\.rawValue))
  }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(
      layers: maps.layers, usesVirtualWeights: at.contains(.virtual), classes: Mosaics.classes,
      images: images == .mosaics ? 2 : 1,
      mapClasses: images == .mosaics ? mosaics.grid * mosaics.grid : 2,
      usesObjects: images == .objects, composition: images == .mosaics ? mosaics : nil)
  }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let objects = ObjectClasses(images, atLeast: self.images == .objects ? 2 : 1)
    return images.terms(at: at, of: objects.classes) { layers in layers.map { value($0, objects) }.mean }
  }

  /// The value for the maps of all slots at one layer, [N, h, w] each: [N].
  func value(_ maps: [Tensor], _ objects: ObjectClasses) -> Tensor {
    let (height, width, type) = (maps[0].shape[1], maps[0].shape[2], maps[0].scalarType)
    let active = maps.indices.map { objects.active($0, type) }
    let positive = zip(maps, active).map { $0.relu * $1 }
    let floor = positive.sum.mean([1, 2], keepDims: true) * floor
    // Where all maps of an image are 0, all classes claim each location alike.
    let isEmpty = Tensor(floor.doubles.map { $0 == 0 ? 1.0 : 0 }, shape: floor.shape).converted(to: type)
    let claims = zip(positive, active).map { ($0 + floor + isEmpty) * $1 }
    // An image without a class that counts has the value 0; the logarithm is that of 1.
    let number = active.sum
    let isVoid = Tensor(number.doubles.map { $0 == 0 ? 1.0 : 0 }, shape: number.shape).converted(to: type)
    let all = (claims.sum + isVoid).log
    let covers = maps.indices.map { objects.cover($0, height: height, width: width, type) }
    let losses = zip(zip(claims, active), covers).map { claim, cover in
      // The logarithm of a slot that does not count is that of 1.
      (all - (claim.0 + (1 - claim.1)).log) * cover
    }
    return losses.sum.sum([1, 2]) * covers.sum.sum([1, 2]).reciprocalOrZero
  }
}
