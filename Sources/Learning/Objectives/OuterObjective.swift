import Components
import Networks
import Saliency
import Tensors

/// What the outer loss asks of a network: a value for each image, made of the results of passes through the network.
///
/// An objective says which passes it wants and what it makes of them, with operations that can be differentiated; the
/// ``MetaStep`` makes the passes, those that several objectives ask for alike only once, and takes all derivatives, through
/// virtual updates too. To add one, write one file with a type that conforms, and register a value of it:
///
///     Registries.objectives.register(Sharpness())
public protocol OuterObjective: Component {
  /// What has to be known before any image is seen.
  ///
  /// - Parameter maps: how and where the recipe makes the maps that objectives compare.
  /// - Returns: what it asks for; a pass at the network's own weights with no activations kept, unless told otherwise.
  func needs(_ maps: MapSettings) -> ObjectiveNeeds

  /// The summands of the value, each with the passes that it is made of.
  ///
  /// - Parameter images: some of a batch's images, with the pass that was made of them already.
  /// - Returns: at least one term.
  func terms(for images: ObjectiveImages) -> [ObjectiveTerm]

  /// How well an image of the validation set meets the objective: less is better, as for the value that is trained on. It may be
  /// another number than that one, such as a rank correlation, which has no derivative.
  ///
  /// - Parameters:
  ///   - image: the image, with the network's answer and maps.
  ///   - weight: the objective's weight in the outer loss, whose sign says whether the value falls or rises.
  ///   - step: the meta step that the objective belongs to.
  /// - Returns: the number, or why there is none. Nil, as it is unless told otherwise, for the value that is trained on.
  func score(of image: EvaluatedImage, weight: Double, in step: MetaStep) -> Score.Value?

  /// Another class, whose maps beside those of an image's label show what the objective is about.
  ///
  /// - Parameters:
  ///   - label: the image's class.
  ///   - logits: of the image, [1, classes].
  /// - Returns: the class; nil, as it is unless told otherwise, if there is none.
  func contrastClass(to label: Int, logits: Tensor) -> Int?
}

extension OuterObjective {
  public func needs(_ maps: MapSettings) -> ObjectiveNeeds { ObjectiveNeeds() }
  public func score(of image: EvaluatedImage, weight: Double, in step: MetaStep) -> Score.Value? { nil }
  public func contrastClass(to label: Int, logits: Tensor) -> Int? { nil }
}

extension Registries {
  /// The objectives that recipes can name.
  public static let objectives = Registry<any OuterObjective>(
    "objective", [CrossEntropy(), BinaryCrossEntropy(), ClassSensitivity(), Mosaic(), MaskedDivergence()])
}

/// How and where maps are made.
public struct MapSettings: Sendable {
  /// How.
  public let method: Method
  /// At which layers.
  public let layers: [String]

  /// A method at some layers.
  public init(_ method: Method, at layers: [String]) { (self.method, self.layers) = (method, layers) }
}

/// What an objective has to say before any image is seen.
public struct ObjectiveNeeds: Sendable {
  /// Layers whose activations are kept of the pass on the batch's images at the network's own weights.
  public var layers: [String]
  /// Whether some of its passes are at virtual weights.
  public var usesVirtualWeights: Bool
  /// Whether its passes on the batch's images normalize as training does: batch norms by the batch, where the recipe says so.
  /// Such an objective has no other passes. Other passes normalize by running statistics.
  public var normalizesAsTraining: Bool
  /// Whether the value of an image depends on passes of other images, so that all of a batch must be together. Whoever only
  /// looks at other images' pixels and labels finds them in ``ObjectiveImages/batch``.
  public var couplesImages: Bool
  /// How many classes there must be.
  public var classes: Int

  /// One pass at the network's own weights unless told otherwise.
  public init(
    layers: [String] = [], usesVirtualWeights: Bool = false, normalizesAsTraining: Bool = false,
    couplesImages: Bool = false, classes: Int = 1
  ) {
    (self.layers, self.usesVirtualWeights) = (layers, usesVirtualWeights)
    (self.normalizesAsTraining, self.couplesImages, self.classes) = (normalizesAsTraining, couplesImages, classes)
  }
}

/// Some of a batch's images as an objective sees them, before it says which passes it wants.
public struct ObjectiveImages: Sendable {
  /// [N, H, W, 3], normalized.
  public let images: Tensor
  /// N classes.
  public let labels: [Int]
  /// How much of each class each image is, [N, classes].
  public let targets: Tensor
  /// A random number for each image.
  public let draws: [UInt64]
  /// The pass on these images at the network's own weights, with the layers that ``ObjectiveNeeds/layers`` names. It is
  /// recorded; what an objective derives from it outside of its terms should be detached.
  public let plain: Inference
  /// How and where the recipe makes maps.
  public let maps: MapSettings
  /// The whole batch.
  public let batch: MetaStep.Batch
  /// Which of the batch's images these are.
  public let range: Range<Int>
}

/// A summand of an objective.
public struct ObjectiveTerm: Sendable {
  /// The passes that it is made of.
  public let passes: [PassRequest]
  /// The value for each image, [N], made of the passes' results in their order by operations.
  public let value: @Sendable ([Inference]) -> Tensor

  /// A summand made of passes.
  public init(_ passes: [PassRequest], value: @escaping @Sendable ([Inference]) -> Tensor) {
    (self.passes, self.value) = (passes, value)
  }
}

/// A pass through the network that an objective asks for.
public struct PassRequest: Sendable {
  /// The weights of a pass.
  public enum Weights: Sendable, Hashable {
    /// The network's own.
    case plain
    /// Those after an inner update towards these classes, one for each image.
    case virtual(towards: [Int])
  }

  /// The images, [N, H, W, 3], one for each of the batch's images here; nil for these themselves.
  public let images: Tensor?
  /// At which weights.
  public let weights: Weights
  /// Layers whose activations are kept. For the batch's own images at plain weights they are among those of
  /// ``ObjectiveNeeds/layers``.
  public let layers: [String]

  /// A pass on the batch's images, unless others are given.
  public init(_ weights: Weights = .plain, images: Tensor? = nil, layers: [String] = []) {
    (self.weights, self.images, self.layers) = (weights, images, layers)
  }

  var isVirtual: Bool { weights != .plain }
}

/// A term of the outer loss with its weight in the sum.
public struct WeightedObjective: Sendable {
  /// What is asked for.
  public var objective: any OuterObjective
  /// How much it counts; 0 turns it off.
  public var weight: Double

  /// A term with its weight.
  public init(_ objective: some OuterObjective, weight: Double) {
    (self.objective, self.weight) = (objective, weight)
  }
}
