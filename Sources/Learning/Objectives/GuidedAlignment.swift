import Components
import Saliency
import Tensors

/// Alignment of the gradient at the input with that of guided backpropagation (Torres Figueroa et al. 2024, "A Learning Paradigm for
/// Interpretable Gradients", with the cosine as error function): the mean over weights of
///
///     1 − cos(∂L/∂x, ∂_G L/∂x)
///
/// where L is the softmax cross-entropy of the image, ∂ its gradient with respect to the normalized image x, over pixels and
/// channels, and ∂_G what backpropagation gives whose ReLUs pass on positive parts only (Springenberg et al. 2015). At virtual weights
/// the update is towards the label. No map is made, so `method` and `layers` have no effect. Where one of both is 0 the value is 1.
public struct GuidedAlignment: OuterObjective {
  public let name = "guided_alignment"
  /// The weights of the network; the value is the mean over them.
  public var at: [MapWeights]
  /// Whether the guided gradient is a fixed target. Otherwise it is differentiated too.
  public var fixesTarget: Bool

  /// Creates the objective; by default with the guided gradient as a fixed target, at the network's own weights.
  public init(at: [MapWeights] = [.plain], fixesTarget: Bool = true) { (self.at, self.fixesTarget) = (at, fixesTarget) }

  public mutating func visit(_ keys: Keys) {
    keys("at", &at, .list(.choice(), atLeast: 1))
    keys("fixed_target", &fixesTarget, .boolean)
    keys.requireDistinct("at", at.map(\.rawValue))
  }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(layers: ["input"], usesVirtualWeights: at.contains(.virtual))
  }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let (targets, labels, fixesTarget) = (images.targets, images.labels, fixesTarget)
    return at.map { weights in
      ObjectiveTerm([PassRequest(weights == .plain ? .plain : .virtual(towards: labels), layers: ["input"])]) {
        passes in
        let loss = passes[0].output.logits.crossEntropy(
          toSoftTargets: targets / targets.sum([1], keepDims: true))
        let gradient = passes[0].inputGradient(of: loss)
        let guided = passes[0].inputGradient(of: loss, rule: .guided)
        return (1 - Similarity.cosine(gradient, fixesTarget ? guided.detached() : guided)) / Double(at.count)
      }
    }
  }
}
