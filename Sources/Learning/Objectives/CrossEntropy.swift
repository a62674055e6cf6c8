import Components
import Saliency
import Tensors

/// Softmax cross-entropy with soft targets: −Σ w q log p over classes, as PyTorch's `cross_entropy` with probabilities as
/// targets. The targets q of an image are divided by their sum, so that an image of several classes has the same weight
/// as any other, and then smoothed; w are the classes' weights.
public struct CrossEntropy: TaskLoss, Equatable {
  public let name = "cross_entropy"
  /// The share ε of label smoothing (Szegedy et al. 2016): q ← (1 − ε)q + ε / classes.
  public var labelSmoothing: Double
  /// The weight of each class; empty for 1.
  public var classWeights: [Double]

  /// Creates the objective; by default without smoothing and weights.
  public init(labelSmoothing: Double = 0, classWeights: [Double] = []) {
    (self.labelSmoothing, self.classWeights) = (labelSmoothing, classWeights)
  }

  public mutating func visit(_ keys: Keys) {
    keys("label_smoothing", &labelSmoothing, .share)
    keys("class_weights", &classWeights, .list(.classWeight))
  }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(normalizesAsTraining: true, exactClasses: classWeights.isEmpty ? nil : classWeights.count)
  }

  func value(_ logits: Tensor, _ targets: Tensor) -> Tensor {
    let targets = (targets / targets.sum([1], keepDims: true)).smoothed(labelSmoothing, to: 1 / Double(logits.shape[1]))
    return logits.crossEntropy(toSoftTargets: targets.weighted(byClass: classWeights))
  }
}

extension OuterObjective where Self == CrossEntropy {
  /// Softmax cross-entropy with soft targets.
  public static var crossEntropy: Self { CrossEntropy() }
}

extension Tensor {
  /// Targets [N, classes] with a share of smoothing: (1 − share) · targets + share · constant.
  func smoothed(_ share: Double, to constant: Double) -> Tensor {
    share == 0 ? self : self * (1 - share) + share * constant
  }

  /// A tensor [N, classes] with each column multiplied by its class's weight; without weights it stays the same.
  func weighted(byClass weights: [Double]) -> Tensor {
    weights.isEmpty ? self : self * Tensor(weights, shape: [1, weights.count]).converted(to: scalarType)
  }
}

extension Codec<Double> {
  /// The codec of a class's weight in a loss.
  static var classWeight: Codec { number(0...1e6) }
}
