import Components
import Saliency
import Tensors

/// The disagreement of the label's maps at the network's own weights and after the virtual update towards the label: the mean over layers of
/// 1 − similarity(M_θ, M_θ′). With it the network learns to show without the update what the update shows ("There and Back Again", section
/// 4.2, whose maps are those after the update).
///
/// By default the map after the update is held constant, as the target that the plain map is drawn to. Otherwise the loss falls as well where
/// the update changes the map less, so that the target comes to the plain map and nothing is gained. The loss is metasal's own.
public struct WeightAgreement: OuterObjective {
  /// The map that is held constant: that at virtual weights, or none of both.
  public enum Target: String, Sendable, CaseIterable { case virtual, none }

  public let name = "weight_agreement"
  /// The map that is held constant.
  public var target: Target
  /// The similarity of two maps.
  public var similarity: Similarity
  /// The strength of the regularization of the soft ranks of `Similarity.spearman`, relative to the std of a map.
  public var regularization: Double

  /// Creates the objective; by default the map at virtual weights is the target, by Pearson's correlation.
  public init(
    target: Target = .virtual, similarity: Similarity = .pearson, regularization: Double = Similarity.regularization
  ) {
    (self.target, self.similarity, self.regularization) = (target, similarity, regularization)
  }

  public mutating func visit(_ keys: Keys) {
    keys("target", &target, .choice())
    keys.similarity(&similarity, &regularization)
  }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(layers: maps.layers, usesVirtualWeights: true)
  }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let (labels, maps) = (images.labels, images.maps)
    let passes = [PassRequest.Weights.plain, .virtual(towards: labels)].map { PassRequest($0, layers: maps.layers) }
    return [
      ObjectiveTerm(passes) { passes in
        let plain = passes[0].maps(maps.method, of: labels, at: maps.layers, createGraph: true)
        let virtual = passes[1].maps(maps.method, of: labels, at: maps.layers, createGraph: target == .none)
        return zip(plain, virtual).map { value($0, $1) }.mean
      }
    ]
  }

  /// The value for the maps at one layer, [N, h, w] each: [N].
  func value(_ plain: Tensor, _ virtual: Tensor) -> Tensor {
    1 - similarity(plain, target == .virtual ? virtual.detached() : virtual, regularization: regularization)
  }
}
