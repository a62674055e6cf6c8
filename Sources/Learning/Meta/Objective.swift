import Saliency
import Tensors

/// A term of the outer loss with its weight in the sum.
public struct WeightedObjective: Sendable, Equatable {
  /// What is asked for.
  public var objective: Objective
  /// How much it counts; 0 turns it off.
  public var weight: Double

  /// A term with its weight.
  public init(_ objective: Objective, weight: Double) {
    self.objective = objective
    self.weight = weight
  }
}

/// What the outer loss asks for.
public enum Objective: Sendable, Equatable {
  /// Softmax cross-entropy to the labels; to their shares where images have several.
  case crossEntropy
  /// Binary cross-entropy of each class by itself, for images of any number of classes.
  case binaryCrossEntropy
  case classSensitivity(ClassSensitivity)

  /// What recipes and records call it.
  public var name: String {
    switch self {
    case .crossEntropy: "cross_entropy"
    case .binaryCrossEntropy: "binary_cross_entropy"
    case .classSensitivity: "class_sensitivity"
    }
  }

  /// Whether it compares logits with labels.
  public var isTask: Bool { self == .crossEntropy || self == .binaryCrossEntropy }
}

/// How alike the maps for two classes are: the training form of class sensitivity, a mean over images, layers and the
/// weights it is taken at. Spearman's rank correlation, which is reported, has no derivative.
public struct ClassSensitivity: Sendable, Equatable {
  /// The weights at which maps are compared: the network's own, or those after each class's virtual update.
  public enum Weights: String, Sendable, CaseIterable { case plain, virtual }

  /// The class explained.
  public enum Explained: String, Sendable, CaseIterable { case label, top }

  /// The class it is held against, always another one: the least likely, the most likely, or any.
  public enum Contrast: String, Sendable, CaseIterable { case bottom, second, random }

  /// Where maps are compared: the mean over these.
  public var at: [Weights]
  /// Which class is explained.
  public var explain: Explained
  /// Which class it is held against.
  public var against: Contrast
  /// How maps are compared.
  public var similarity: Similarity

  /// Label against the least likely class, at both weights, by Pearson's correlation, unless told otherwise.
  public init(
    at: [Weights] = [.plain, .virtual], explain: Explained = .label, against: Contrast = .bottom,
    similarity: Similarity = .pearson
  ) {
    self.at = at
    self.explain = explain
    self.against = against
    self.similarity = similarity
  }
}

extension ClassSensitivity {
  /// The classes whose maps are compared, for each image; the contrast one differs from the explained one, unless there is no other.
  ///
  /// - Parameter draws: a random number per image, for contrast classes taken at random.
  public func classes(logits: Tensor, labels: [Int], draws: [UInt64]) -> (explained: [Int], contrast: [Int]) {
    let width = logits.shape[1]
    let scores = logits.doubles
    let explained = explain == .label ? labels : logits.argmax()
    let contrast = explained.enumerated().map { image, class_ in
      let others = (0..<width).filter { $0 != class_ }
      func score(_ other: Int) -> Double { scores[image * width + other] }
      switch against {
      case .bottom: return others.min { score($0) < score($1) } ?? class_
      case .second: return others.max { score($0) < score($1) } ?? class_
      case .random: return others.isEmpty ? class_ : others[Int(draws[image] % UInt64(others.count))]
      }
    }
    return (explained, contrast)
  }
}
