import Tensors

/// The properties of an evaluated image other than its maps.
public struct MeasuredItem: Sendable, Codable {
  /// The image's index in the data set.
  public let index: Int
  /// The image's class.
  public let label: Int
  /// All classes in the image.
  public let labels: [Int]
  /// The logits.
  public let logits: [Double]
  /// The probability of the label.
  public let confidence: Double
  /// Whether the class of the largest logit is in the image; false if a logit is not a number.
  public let isCorrect: Bool
  /// Whether all logits are finite.
  public let hasFiniteLogits: Bool
  /// Softmax cross-entropy to the labels.
  public let crossEntropy: Double
  /// The binary cross-entropy, the mean over classes.
  public let binaryCrossEntropy: Double
  /// The share of the image that the label's masks or boxes cover; nil if there are none.
  public let coverage: Double?
  /// Whether the image has objects of other classes.
  public let hasDistractors: Bool

  /// Collects the properties of an image.
  public init(_ image: EvaluatedImage) {
    (index, label, labels) = (image.index, image.label, image.labels)
    logits = image.logits.doubles
    confidence = image.logits.softmax().doubles[image.label]
    hasFiniteLogits = image.logits.isFinite
    isCorrect = hasFiniteLogits && image.labels.contains(image.top)
    (crossEntropy, binaryCrossEntropy) = (image.crossEntropy, image.binaryCrossEntropy)
    (coverage, hasDistractors) = (image.region?.share, image.hasDistractors)
  }

  /// Whether the label's objects cover less than a quarter of the image.
  public var isSmall: Bool { coverage.map { $0 < 0.25 } ?? false }

  /// Whether the image is difficult for pointing (Zhang et al. 2018): the label's objects are small, and there are
  /// objects of other classes.
  public var isDifficult: Bool { isSmall && hasDistractors }
}
