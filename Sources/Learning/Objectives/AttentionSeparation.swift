import Components
import Saliency
import Tensors

/// The losses of attention of ICASC (Wang, Wu, Karanam, Peng, Singh, Liu and Metaxas 2019, "Sharpen Focus: Learning with Attention
/// Separability and Consistency", ICCV, section 3). A and B are the positive parts of the maps of the label and of the most likely other
/// class.
///
/// Separability is the overlap of both maps where the label's is large, the mean over layers of
///
///     2 Σ min(A, B) ⊙ mask(A) / Σ (A + B),      mask(A) = σ(ω (A / max A − s))
///
/// with s = 0.55 and ω = 100. The paper sets the threshold to 0.55 times the largest value of the map; dividing by that value here makes the
/// mask independent of the map's scale. Consistency across layers asks that the label's map at each layer lies where that at the last
/// layer is large; it is the mean over the layers before the last of
///
///     1 − Σ A ⊙ mask(A_last) / Σ A
///
/// where A_last is resized to the layer. (The paper has 0.8 in place of 1, which only shifts the value.) The value is separability +
/// c · consistency, and the mean over weights; c = ½ is the paper's ratio for two layers, where it adds both separabilities and the
/// consistency. Maps of zeros have no overlap and no share.
public struct AttentionSeparation: OuterObjective {
  public let name = "attention_separation"
  public let mapDemand: MapDemand? = .difference
  /// The weights at which maps are made; the value is the mean over them.
  public var at: [MapWeights]
  /// s: the share of the map's largest value above which a location counts as salient.
  public var threshold: Double
  /// ω: the sharpness of that limit.
  public var sharpness: Double
  /// c: the weight of consistency. With a single layer there is none.
  public var consistency: Double

  /// Creates the objective, with the paper's settings; by default at the network's own weights.
  public init(
    at: [MapWeights] = [.plain], threshold: Double = 0.55, sharpness: Double = 100, consistency: Double = 0.5
  ) {
    (self.at, self.threshold, self.sharpness, self.consistency) = (at, threshold, sharpness, consistency)
  }

  public mutating func visit(_ keys: Keys) {
    keys("at", &at, .list(.choice(), atLeast: 1))
    keys("threshold", &threshold, .share)
    keys("sharpness", &sharpness, .number(0...10_000))
    keys("consistency", &consistency, .number(0...1000))
    keys.requireDistinct("at", at.map(\.rawValue))
  }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(layers: maps.layers, usesVirtualWeights: at.contains(.virtual), classes: 2)
  }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let confused = ClassSensitivity(against: .second).classes(
      logits: images.plain.output.logits.detached(), labels: images.labels, draws: images.draws
    ).contrast
    return images.terms(at: at, of: [images.labels, confused]) { value($0) }
  }

  /// The value for the maps of the label and of the other class, [N, h, w] each, layer by layer: [N].
  func value(_ layers: [[Tensor]]) -> Tensor {
    let positive = layers.map { $0.map(\.relu) }
    let separability = positive.map { maps in
      let (a, b) = (maps[0], maps[1])
      let overlap = ((a - (a - b).relu) * mask(a)).sum([1, 2])
      return overlap * 2 * (a + b).sum([1, 2]).reciprocalOrZero
    }.mean
    guard consistency > 0, positive.count > 1, let last = positive.last?[0] else { return separability }
    let consistencies = positive.dropLast().map { maps in
      let a = maps[0]
      let share = (a * mask(Self.resized(last, as: a))).sum([1, 2]) * a.sum([1, 2]).reciprocalOrZero
      return 1 - share
    }
    return separability + consistencies.mean * consistency
  }

  /// σ(ω (A / max A − s)) of maps [N, h, w].
  private func mask(_ map: Tensor) -> Tensor {
    let largest = map.reshaped([map.shape[0], -1]).maximum().reshaped([-1, 1, 1])
    return ((map * largest.reciprocalOrZero - threshold) * sharpness).sigmoid
  }

  private static func resized(_ map: Tensor, as other: Tensor) -> Tensor {
    let (height, width) = (other.shape[1], other.shape[2])
    return map.reshaped(map.shape + [1]).resized(height: height, width: width).reshaped([-1, height, width])
  }
}
