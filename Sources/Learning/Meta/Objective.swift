import Saliency

/// A term of the outer loss with its weight in the sum.
public struct WeightedObjective: Sendable, Equatable {
  public var objective: Objective
  public var weight: Double

  public init(_ objective: Objective, weight: Double) {
    self.objective = objective
    self.weight = weight
  }
}

/// What the outer loss asks for.
public enum Objective: Sendable, Equatable {
  /// Softmax cross-entropy to the labels.
  case crossEntropy
  case classSensitivity(ClassSensitivity)
}

/// How alike the maps for two classes are: the training form of class sensitivity, a mean over images, layers and the
/// weights it is taken at. Spearman's rank correlation, which is reported, has no derivative.
public struct ClassSensitivity: Sendable, Equatable {
  /// The weights at which maps are compared: the network's own, or those after each class's virtual update.
  public enum Weights: String, Sendable, CaseIterable { case plain, virtual }

  /// The class explained.
  public enum Explained: String, Sendable, CaseIterable { case label, top }

  /// The class it is held against, always another one: the least likely, the most likely, or any.
  public enum Opposed: String, Sendable, CaseIterable { case bottom, second, random }

  public var at: [Weights]
  public var explain: Explained
  public var against: Opposed
  public var similarity: Similarity

  public init(
    at: [Weights] = [.plain, .virtual], explain: Explained = .label, against: Opposed = .bottom,
    similarity: Similarity = .pearson
  ) {
    self.at = at
    self.explain = explain
    self.against = against
    self.similarity = similarity
  }
}
