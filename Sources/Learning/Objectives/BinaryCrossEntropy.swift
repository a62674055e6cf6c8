import Components
import Saliency
import Tensors

/// Binary cross-entropy, the mean over classes of −q log σ(z) − (1 − q) log(1 − σ(z)). An image may have any number of
/// classes.
public struct BinaryCrossEntropy: OuterObjective {
  public let name = "binary_cross_entropy"

  /// Creates the objective, which has no settings.
  public init() {}

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds { ObjectiveNeeds(normalizesAsTraining: true) }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let targets = images.targets
    return [ObjectiveTerm([PassRequest()]) { $0[0].output.logits.binaryCrossEntropy(toSoftTargets: targets) }]
  }

  public func score(of image: EvaluatedImage, weight: Double, in step: MetaStep) -> Score.Value? {
    .defined(image.binaryCrossEntropy)
  }
}

extension OuterObjective where Self == BinaryCrossEntropy {
  /// Binary cross-entropy, the mean over classes.
  public static var binaryCrossEntropy: Self { BinaryCrossEntropy() }
}
