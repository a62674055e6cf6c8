import Components
import Saliency
import Tensors

/// The share of each class's map that does not lie on that class's cells of a mosaic: the mean over the classes of a mosaic, layers
/// and weights of 1 − Σ_{u in cells of k} M_k⁺(u) / Σ_u M_k⁺(u), where M_k⁺ is the positive part of the map of class k. It is the
/// grid pointing game (Böhle et al. 2021, "Convolutional Dynamic Alignment Networks", section 5.2) as a training loss. A map without
/// a positive value counts as 1. With `images: objects` the annotated objects of the batch's own images take the place of cells.
public struct CellShare: OuterObjective {
  public let name = "cell_share"
  public let mapDemand: MapDemand? = .place
  /// The weights at which maps are made; the value is the mean over them.
  public var at: [MapWeights]
  /// Whether maps are made on mosaics, or on the batch's images with their annotated objects. Of these, images with objects
  /// of fewer than two classes have the value 0.
  public var images: ObjectSource
  /// The mosaics; they have no effect on annotated objects.
  public var mosaics: Mosaics

  /// Creates the objective; by default at the network's own weights.
  public init(at: [MapWeights] = [.plain], images: ObjectSource = .mosaics, mosaics: Mosaics = Mosaics()) {
    (self.at, self.images, self.mosaics) = (at, images, mosaics)
  }

  public mutating func visit(_ keys: Keys) {
    keys("at", &at, .list(.choice(), atLeast: 1))
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
    return images.terms(at: at, of: objects.classes) { layers in layers.map { Self.value($0, objects) }.mean }
  }

  /// The value for the maps of all slots at one layer, [N, h, w] each: [N].
  static func value(_ maps: [Tensor], _ objects: ObjectClasses) -> Tensor {
    let outside = maps.enumerated().map { slot, map in
      let positive = map.relu
      let cover = objects.cover(slot, height: map.shape[1], width: map.shape[2], map.scalarType)
      let inside = (positive * cover).sum([1, 2]) * positive.sum([1, 2]).reciprocalOrZero
      return (1 - inside) * objects.active(slot, map.scalarType).reshaped([-1])
    }
    return outside.sum / objects.number(map: maps[0])
  }
}
