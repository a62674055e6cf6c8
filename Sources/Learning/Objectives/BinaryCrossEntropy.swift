import Components
import Saliency
import Tensors

/// Binary cross-entropy, the mean over classes of −w (ρ q log σ(z) + (1 − q) log(1 − σ(z))), as PyTorch's
/// `binary_cross_entropy_with_logits`. An image may have any number of classes. ρ are the weights of positive targets, w
/// those of classes.
public struct BinaryCrossEntropy: TaskLoss, Equatable {
  public let name = "binary_cross_entropy"
  /// The share ε of label smoothing: q ← (1 − ε)q + ε / 2.
  public var labelSmoothing: Double
  /// The weight w of each class; empty for 1.
  public var classWeights: [Double]
  /// The weight ρ of each class's positive targets, PyTorch's `pos_weight`; empty for 1.
  public var positiveWeights: [Double]

  /// Creates the objective; by default without smoothing and weights.
  public init(labelSmoothing: Double = 0, classWeights: [Double] = [], positiveWeights: [Double] = []) {
    (self.labelSmoothing, self.classWeights, self.positiveWeights) = (labelSmoothing, classWeights, positiveWeights)
  }

  public mutating func visit(_ keys: Keys) {
    keys("label_smoothing", &labelSmoothing, .share)
    keys("class_weights", &classWeights, .list(.classWeight))
    keys("positive_weights", &positiveWeights, .list(.classWeight))
    if !classWeights.isEmpty && !positiveWeights.isEmpty && classWeights.count != positiveWeights.count {
      keys.refuse("positive_weights", "\(positiveWeights.count) classes, where class_weights has \(classWeights.count)")
    }
  }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    let weights = classWeights.isEmpty ? positiveWeights : classWeights
    return ObjectiveNeeds(normalizesAsTraining: true, exactClasses: weights.isEmpty ? nil : weights.count)
  }

  func value(_ logits: Tensor, _ targets: Tensor) -> Tensor {
    let targets = targets.smoothed(labelSmoothing, to: 0.5)
    guard !classWeights.isEmpty || !positiveWeights.isEmpty else {
      return logits.binaryCrossEntropy(toSoftTargets: targets)
    }
    // −log σ(z) is softplus(−z), and −log(1 − σ(z)) is softplus(z).
    let positive = (logits * -1).softPlus * targets.weighted(byClass: positiveWeights)
    let negative = logits.softPlus * (1 - targets)
    return (positive + negative).weighted(byClass: classWeights).mean([1])
  }
}

extension OuterObjective where Self == BinaryCrossEntropy {
  /// Binary cross-entropy, the mean over classes.
  public static var binaryCrossEntropy: Self { BinaryCrossEntropy() }
}
