import Tensors

/// What is known of an image of an evaluation besides its maps.
public struct MeasuredItem: Sendable, Codable {
  /// The image's place in the data set.
  public let index: Int
  /// Its class.
  public let label: Int
  /// All classes in the image.
  public let labels: [Int]
  /// The logits.
  public let logits: [Double]
  /// The probability of the label.
  public let confidence: Double
  /// Whether the largest logit is that of a class in the image; it is not where a logit is no number.
  public let isCorrect: Bool
  /// Whether all logits are finite.
  public let hasFiniteLogits: Bool
  /// Softmax cross-entropy to the labels.
  public let crossEntropy: Double
  /// Binary cross-entropy of each class by itself.
  public let binaryCrossEntropy: Double
  /// The share of the image that the label's boxes or masks cover; nil if there are none.
  public let coverage: Double?
  /// Whether there are objects of other classes too.
  public let hasDistractors: Bool

  /// What is known of an image.
  public init(_ image: EvaluatedImage) {
    (index, label, labels) = (image.index, image.label, image.labels)
    logits = image.logits.doubles
    confidence = image.logits.softmax().doubles[image.label]
    hasFiniteLogits = image.logits.isFinite
    isCorrect = hasFiniteLogits && image.labels.contains(image.top)
    (crossEntropy, binaryCrossEntropy) = (image.crossEntropy, image.binaryCrossEntropy)
    (coverage, hasDistractors) = (image.region?.share, image.hasDistractors)
  }

  /// Whether what is labelled covers less than a quarter of the image, where pointing is not easy.
  public var isSmall: Bool { coverage.map { $0 < 0.25 } ?? false }

  /// Whether besides that there are objects of other classes (Zhang et al. 2018).
  public var isDifficult: Bool { isSmall && hasDistractors }
}
