import Components
import Networks
import Saliency
import Tensors

/// A term of the outer loss: a value per image, computed from the results of passes through the network.
///
/// An objective requests passes and computes its value from them by differentiable operations. The ``MetaStep`` makes
/// the passes, each only once even if several objectives request it, and takes all derivatives, also through virtual
/// updates. To add an objective, write one file with a conforming type and register an instance:
///
///     Registries.objectives.register(Sharpness())
public protocol OuterObjective: Component {
  /// The requirements that must be known before any image is seen.
  ///
  /// - Parameter maps: the method and the layers of the maps that objectives compare.
  /// - Returns: the requirements; by default one pass at the network's own weights, with no activations kept.
  func needs(_ maps: MapSettings) -> ObjectiveNeeds

  /// The terms whose sum is the value, each with the passes that it needs.
  ///
  /// - Parameter images: some images of a batch, with the result of the existing plain pass.
  /// - Returns: at least one term.
  func terms(for images: ObjectiveImages) -> [ObjectiveTerm]

  /// Scores a validation image for this objective; lower is better if the weight is positive. The score may differ from
  /// the training loss: it can be a rank correlation, for example, which has no useful derivative.
  ///
  /// - Parameters:
  ///   - image: the image, with the network's output and its maps.
  ///   - weight: the objective's weight in the outer loss; its sign says whether training lowers or raises the value.
  ///   - step: the meta step that the objective belongs to, with the method and the layers of the objective's own term.
  /// - Returns: the score, or the reason why it is undefined; nil, the default, to use the training loss.
  func score(of image: EvaluatedImage, weight: Double, in step: MetaStep) -> Score.Value?

  /// What the objective asks of saliency maps, for the notes about recipes; nil, the default, for nothing.
  var mapDemand: MapDemand? { get }

  /// A contrast class for figures, whose maps are drawn beside those of an image's label.
  ///
  /// - Parameters:
  ///   - label: the image's class.
  ///   - logits: the image's logits, [1, classes].
  /// - Returns: the class; nil, the default, if the objective has none.
  func contrastClass(to label: Int, logits: Tensor) -> Int?
}

extension OuterObjective {
  public func needs(_ maps: MapSettings) -> ObjectiveNeeds { ObjectiveNeeds() }
  public func score(of image: EvaluatedImage, weight: Double, in step: MetaStep) -> Score.Value? { nil }
  public var mapDemand: MapDemand? { nil }
  public func contrastClass(to label: Int, logits: Tensor) -> Int? { nil }
}

extension Registries {
  /// The objectives that recipes can name.
  public static let objectives = Registry<any OuterObjective>(
    "objective",
    [
      CrossEntropy(), BinaryCrossEntropy(), FocalLoss(), ClassSensitivity(), Competition(), CellShare(),
      MaskedDivergence(),
      EnergyInside(), RightReasons(), CompositeConsistency(), ContrastiveConsistency(), GuidedAlignment(),
      Distillation(), WeightAgreement(), TotalVariation(), Sparsity(), AttentionSeparation(),
    ])
}

/// The method and the layers of maps.
public struct MapSettings: Sendable {
  /// The saliency method.
  public let method: Method
  /// The layers at which maps are made.
  public let layers: [String]

  /// Creates settings from a method and layers.
  public init(_ method: Method, at layers: [String]) { (self.method, self.layers) = (method, layers) }
}

/// The requirements of an objective that must be known before any image is seen.
public struct ObjectiveNeeds: Sendable {
  /// The layers whose activations are kept in the plain pass over the batch's images.
  public var layers: [String]
  /// Whether some of its passes are at virtual weights.
  public var usesVirtualWeights: Bool
  /// Whether its passes over the batch's images normalize as in training: by batch statistics, if the recipe says so.
  /// Such an objective has no other passes. All other passes use running statistics.
  public var normalizesAsTraining: Bool
  /// Whether an image's value depends on passes of other images, so that the whole batch must be computed together. An
  /// objective that only reads other images' pixels and labels finds them in ``ObjectiveImages/batch`` and does not
  /// need this.
  public var couplesImages: Bool
  /// Whether it compares with the network that the run starts from; see ``ObjectiveImages/reference``.
  public var usesReference: Bool
  /// The smallest number of classes that the objective supports.
  public var classes: Int
  /// The number of classes that the objective has settings for, such as a weight for each; nil for any number.
  public var exactClasses: Int?
  /// The smallest number of images in a batch with which the objective says anything, such as 2 if it compares images.
  public var images: Int
  /// The largest number of classes whose maps it makes for an image at the same weights; used to estimate memory.
  public var mapClasses: Int
  /// Whether it looks at the objects of the batch's own images, ``MetaStep/Batch/objects``. Training then reads them from the
  /// data set's annotations, and augmentations move them along.
  public var usesObjects: Bool
  /// Composes the images that the objective looks at; nil for the batch's own. Its values are then those of the composed images.
  public var composition: (any ImageComposition)?

  /// Creates requirements; by default one pass at the network's own weights.
  public init(
    layers: [String] = [], usesVirtualWeights: Bool = false, normalizesAsTraining: Bool = false,
    couplesImages: Bool = false, usesReference: Bool = false, classes: Int = 1, exactClasses: Int? = nil,
    images: Int = 1, mapClasses: Int = 2, usesObjects: Bool = false, composition: (any ImageComposition)? = nil
  ) {
    (self.layers, self.usesVirtualWeights) = (layers, usesVirtualWeights)
    (self.normalizesAsTraining, self.couplesImages, self.classes) = (normalizesAsTraining, couplesImages, classes)
    (self.usesReference, self.images, self.mapClasses) = (usesReference, images, mapClasses)
    self.exactClasses = exactClasses
    (self.usesObjects, self.composition) = (usesObjects, composition)
  }
}

/// Some images of a batch, as an objective sees them when it requests its passes.
public struct ObjectiveImages: Sendable {
  /// The images, [N, H, W, 3], normalized.
  public let images: Tensor
  /// The labels, N classes.
  public let labels: [Int]
  /// The soft targets, [N, classes].
  public let targets: Tensor
  /// A random number per image.
  public let draws: [UInt64]
  /// The pass over these images at the network's own weights, with the activations of ``ObjectiveNeeds/layers``. It is
  /// tracked; detach whatever is derived from it outside of the terms.
  public let plain: Inference
  /// The pass over these images of the network that the run starts from, ``MetaStep/reference``, with running statistics
  /// and the activations of ``ObjectiveNeeds/layers``. Its parameters are constants. It is nil unless the objective uses
  /// the reference.
  public let reference: Inference?
  /// The method and the layers of maps.
  public let maps: MapSettings
  /// The whole batch.
  public let batch: MetaStep.Batch
  /// The range of these images in the batch.
  public let range: Range<Int>

  init(
    images: Tensor, labels: [Int], targets: Tensor, draws: [UInt64], plain: Inference, reference: Inference? = nil,
    maps: MapSettings, batch: MetaStep.Batch, range: Range<Int>
  ) {
    (self.images, self.labels, self.targets, self.draws) = (images, labels, targets, draws)
    (self.plain, self.reference, self.maps) = (plain, reference, maps)
    (self.batch, self.range) = (batch, range)
  }
}

/// A summand of an objective's value.
public struct ObjectiveTerm: Sendable {
  /// The passes that the term needs.
  public let passes: [PassRequest]
  /// Computes the value for each image, [N], from the results of the passes in their order, by differentiable
  /// operations.
  public let value: @Sendable ([Inference]) -> Tensor

  /// Creates a term from its passes.
  public init(_ passes: [PassRequest], value: @escaping @Sendable ([Inference]) -> Tensor) {
    (self.passes, self.value) = (passes, value)
  }
}

/// A pass through the network that an objective requests.
public struct PassRequest: Sendable {
  /// The weights of a pass.
  public enum Weights: Sendable, Hashable {
    /// The network's own weights.
    case plain
    /// The weights after an inner update towards these classes, one per image.
    case virtual(towards: [Int])
  }

  /// The images, [N, H, W, 3], one for each of the batch's images; nil for the batch's images themselves.
  public let images: Tensor?
  /// The weights of the pass.
  public let weights: Weights
  /// The layers whose activations are kept. For a plain pass over the batch's own images they must be among
  /// ``ObjectiveNeeds/layers``.
  public let layers: [String]

  /// Creates a request; by default for a plain pass over the batch's images.
  public init(_ weights: Weights = .plain, images: Tensor? = nil, layers: [String] = []) {
    (self.weights, self.images, self.layers) = (weights, images, layers)
  }

  var isVirtual: Bool { weights != .plain }
}

/// An objective with its weight in the outer loss.
public struct WeightedObjective: Sendable {
  /// The objective.
  public var objective: any OuterObjective
  /// The weight in the outer loss; 0 turns the objective off.
  public var weight: Double
  /// How the weight changes over the steps of a run; nil if it does not. It rises and falls as a learning rate with this schedule does.
  public var schedule: (any Schedule)?
  /// The saliency method of this term; nil for that of the meta step.
  public var method: Method?
  /// The layers of this term's maps; nil for those of the meta step.
  public var layers: [String]?

  /// Creates a term of the outer loss.
  public init(
    _ objective: some OuterObjective, weight: Double, schedule: (any Schedule)? = nil, method: Method? = nil,
    layers: [String]? = nil
  ) {
    (self.objective, self.weight, self.schedule) = (objective, weight, schedule)
    (self.method, self.layers) = (method, layers)
  }
}
