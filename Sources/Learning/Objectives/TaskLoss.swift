import Saliency
import Tensors

/// An objective that compares an image's logits with its targets. Its file says how; the pass, which normalizes as in
/// training, and the score of a validation image are the same for all.
protocol TaskLoss: OuterObjective {
  /// The value for logits and soft targets [N, classes]: [N].
  func value(_ logits: Tensor, _ targets: Tensor) -> Tensor
}

extension TaskLoss {
  public func needs(_ maps: MapSettings) -> ObjectiveNeeds { ObjectiveNeeds(normalizesAsTraining: true) }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let targets = images.targets
    return [ObjectiveTerm([PassRequest()]) { value($0[0].output.logits, targets) }]
  }

  public func score(of image: EvaluatedImage, weight: Double, in step: MetaStep) -> Score.Value? {
    .defined(value(image.logits, image.softTargets).item)
  }
}
