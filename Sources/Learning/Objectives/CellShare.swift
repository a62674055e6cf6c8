import Components
import Saliency
import Tensors

/// The share of each class's map that does not lie on that class's cells of a mosaic: the mean over the classes of a mosaic, layers
/// and weights of 1 − Σ_{u in cells of k} M_k⁺(u) / Σ_u M_k⁺(u), where M_k⁺ is the positive part of the map of class k. It is the
/// grid pointing game (Böhle et al. 2021, "Convolutional Dynamic Alignment Networks", section 5.2) as a training loss. A map without
/// a positive value counts as 1.
public struct CellShare: OuterObjective {
  public let name = "cell_share"
  public let mapDemand: MapDemand? = .place
  /// The weights at which maps are made; the value is the mean over them.
  public var at: [MapWeights]
  /// The mosaics.
  public var mosaics: Mosaics

  /// Creates the objective; by default at the network's own weights.
  public init(at: [MapWeights] = [.plain], mosaics: Mosaics = Mosaics()) { (self.at, self.mosaics) = (at, mosaics) }

  public mutating func visit(_ keys: Keys) {
    keys("at", &at, .list(.choice(), atLeast: 1))
    mosaics.visit(keys)
    keys.requireDistinct("at", at.map(\.rawValue))
  }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(
      layers: maps.layers, usesVirtualWeights: at.contains(.virtual), classes: Mosaics.classes, composition: mosaics)
  }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let objects = ObjectClasses(images)
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
