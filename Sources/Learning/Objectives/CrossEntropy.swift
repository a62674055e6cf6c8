import Components
import Saliency
import Tensors

/// Softmax cross-entropy with soft targets: −Σ q log p over classes. The targets q of an image are divided by their
/// sum, so that an image of several classes has the same weight as any other.
public struct CrossEntropy: OuterObjective {
  public let name = "cross_entropy"

  /// Creates the objective, which has no settings.
  public init() {}

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds { ObjectiveNeeds(normalizesAsTraining: true) }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let targets = images.targets
    return [
      ObjectiveTerm([PassRequest()]) {
        $0[0].output.logits.crossEntropy(toSoftTargets: targets / targets.sum([1], keepDims: true))
      }
    ]
  }

  public func score(of image: EvaluatedImage, weight: Double, in step: MetaStep) -> Score.Value? {
    .defined(image.crossEntropy)
  }
}

extension OuterObjective where Self == CrossEntropy {
  /// Softmax cross-entropy with soft targets.
  public static var crossEntropy: Self { CrossEntropy() }
}
