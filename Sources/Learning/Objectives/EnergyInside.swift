import Components
import Saliency
import Tensors

/// The share of a class's map that lies outside of the annotated objects of that class: the mean over classes, layers and weights of
///
///     1 − Σ_{u in objects of k} M_k⁺(u) / Σ_u M_k⁺(u)
///
/// with the positive part M_k⁺ of the map of class k. Up to the constant 1 it is the energy loss of Rao et al. 2023 ("Studying How to
/// Efficiently and Effectively Guide Models with Explanations"), which is the energy-based pointing game (Wang et al. 2020,
/// "Score-CAM") with its sign reversed. Objects are boxes or masks; a location that an object covers in part counts in part.
///
/// An image without an object of a class that counts has the value 0 and no effect on the gradient. A map without a positive value
/// counts as 1.
public struct EnergyInside: OuterObjective {
  public let name = "energy_inside"
  public let mapDemand: MapDemand? = .place
  /// The weights at which maps are made; the value is the mean over them.
  public var at: [MapWeights]
  /// Whether the label's map counts, or those of all classes that the image has objects of.
  public var scope: ObjectScope

  /// Creates the objective; by default for all annotated classes, at the network's own weights.
  public init(at: [MapWeights] = [.plain], scope: ObjectScope = .all) { (self.at, self.scope) = (at, scope) }

  public mutating func visit(_ keys: Keys) {
    keys("at", &at, .list(.choice(), atLeast: 1))
    keys("scope", &scope, .choice())
    keys.requireDistinct("at", at.map(\.rawValue))
  }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(layers: maps.layers, usesVirtualWeights: at.contains(.virtual), usesObjects: true)
  }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let objects = ObjectClasses(images, scope)
    return images.terms(at: at, of: objects.classes) { layers in layers.map { CellShare.value($0, objects) }.mean }
  }
}
