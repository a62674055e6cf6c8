import Components
import Networks
import Tensors

/// A measure of saliency maps: a number for each image and each setting (method, layer and weights).
///
/// A measure is a value with its own settings. To add a measure, write one file with a conforming type and register an
/// instance with the default settings; recipes can then name it in `evaluation.measures`:
///
///     Registries.measures.register(Steadiness())
public protocol Measure: Component {
  /// The name under which results stand in tables, JSON and CSV. It tells apart the measures of one evaluation that
  /// share `Components.Component.name` and differ in their settings: `grid_pointing` and `grid_pointing_3x3`. It is
  /// the component's name by default.
  var resultName: String { get }

  /// An explanation in one or two sentences, shown above the measure's table.
  var explanation: String { get }

  /// Whether higher values are better; nil if neither direction is.
  var isHigherBetter: Bool? { get }

  /// Computes the value for one image's map. It is computed in the evaluation's precision, and for several images at
  /// the same time on different threads.
  ///
  /// - Parameters:
  ///   - image: the image, with its maps, its objects and the network's output.
  ///   - setting: the method, the layer and the weights of the map.
  /// - Returns: the value, or the reason why it is undefined.
  func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value

  /// The reason why the measure is impossible under these conditions, known before the evaluation starts; nil, the
  /// default, if it is possible.
  func obstacle(_ conditions: MeasureConditions) -> String?

  /// The networks derived from the evaluated one, whose maps the measure compares. They are made once for all images;
  /// ``EvaluatedImage/maps(derivedFor:of:at:)`` returns their maps. By default there are none.
  func derivedNetworks(of network: Network) -> [Network]

  /// The memory that the measure needs; by default none besides the maps.
  var footprint: MeasureFootprint { get }

  /// Whether tables show the means as percentages and without a std, for values that are 0 or 1. False by default.
  var isPercent: Bool { get }

  /// Further columns in tables and JSON besides the mean over all images; none by default.
  var columns: [MeasureColumn] { get }

  /// Values of an image that need no map, such as that of a random guess, for rows below those of the methods; none by
  /// default. For a ``CompositeMeasure`` they are values of composite images.
  ///
  /// - Parameter layers: the layers at which maps are measured, for baselines that depend on the layer.
  /// - Returns: the baselines, in the order of their rows.
  func baselines(at layers: [String]) -> [MeasureBaseline]

  /// What the measure says about maps; nil, the default, if it is none of the cases.
  var aspect: MeasureAspect? { get }
}

/// What a measure says about maps. Class sensitivity alone cannot tell a good map from noise, so an evaluation should
/// also have measures of the other aspects.
public enum MeasureAspect: Sendable {
  /// How much maps of different classes differ.
  case classSensitivity
  /// Whether a map lies where its class is.
  case localization
  /// Whether the network needs the pixels that a map marks.
  case faithfulness
}

extension Measure {
  public var resultName: String { name }
  public func obstacle(_ conditions: MeasureConditions) -> String? { nil }
  public func derivedNetworks(of network: Network) -> [Network] { [] }
  public var footprint: MeasureFootprint { MeasureFootprint() }
  public var isPercent: Bool { false }
  public var columns: [MeasureColumn] { [] }
  public func baselines(at layers: [String]) -> [MeasureBaseline] { [] }
  public var aspect: MeasureAspect? { nil }

  /// The explanation, followed by a sentence that says which values are better.
  public var fullExplanation: String {
    explanation + (isHigherBetter.map { $0 ? " Higher is better." : " Lower is better." } ?? "")
  }
}

extension Registries {
  /// The measures that recipes can name. Accuracy is not among them: it needs no map and is always measured.
  public static let measures = Registry<any Measure>(
    "measure",
    [
      ClassSensitivityMeasure(), TopSecondSensitivity(), PairwiseSensitivity(), PointingGame(), Energy(),
      RelevanceRank(),
      ContentHeatmap(), GridPointing(), Insertion(), Deletion(), Road(), Sparseness(),
      CascadingRandomization(), IndependentRandomization(), Infidelity(), MaxSensitivity(),
      BorderShare(), CanvasPointing(), TopKAgreement(),
    ])
}

/// A measure of composite images, such as mosaics, which are made of several images after all images were evaluated.
public protocol CompositeMeasure: Measure {
  /// Chooses the groups of images that form the composite images.
  ///
  /// - Parameter items: all images of the evaluation, in order.
  /// - Returns: a list of indices among the items for each composite image.
  func groups(of items: [MeasuredItem]) -> [[Int]]

  /// Makes the composite image of a group.
  ///
  /// - Parameters:
  ///   - images: the images of the group in its order, [1, H, W, 3] each.
  ///   - items: what was measured of these images.
  /// - Returns: the composite image, [1, H', W', 3], and where its parts lie.
  func composed(_ images: [Tensor], of items: [MeasuredItem]) -> CompositeImage

  /// Computes the values of a composite image.
  ///
  /// - Parameters:
  ///   - image: the composite image, whose labels are those of the group in its order.
  ///   - setting: the method, the layer and the weights of its maps.
  /// - Returns: any number of values.
  func values(ofComposite image: EvaluatedImage, at setting: MapSetting) -> [Score.Value]
}

/// An image made of several.
public struct CompositeImage: Sendable {
  /// The image, [1, H, W, 3], normalized.
  public var image: Tensor
  /// The parts whose places the measure needs, each with its class; they are the objects of the image that
  /// ``CompositeMeasure/values(ofComposite:at:)`` gets.
  public var objects: [EvaluatedImage.Object]

  /// Creates a composite image; by default places are not needed.
  public init(_ image: Tensor, objects: [EvaluatedImage.Object] = []) { (self.image, self.objects) = (image, objects) }
}

extension CompositeMeasure {
  /// A single image has no value; see ``values(ofComposite:at:)``.
  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    .undefined("measured on several images together")
  }
}

/// The conditions of an evaluation that are known before it starts.
public struct MeasureConditions: Sendable {
  /// The number of the network's classes.
  public var networkClasses: Int
  /// The number of classes in the data.
  public var dataClasses: Int
  /// The number of images to evaluate.
  public var images: Int

  /// Creates conditions.
  public init(networkClasses: Int, dataClasses: Int, images: Int) {
    (self.networkClasses, self.dataClasses, self.images) = (networkClasses, dataClasses, images)
  }

  /// The reason why maps of two classes cannot be compared; nil if they can.
  public var comparisonObstacle: String? {
    networkClasses < 2
      ? "compares maps of two classes, and the network has only one; choose other measures, or only accuracy" : nil
  }
}

/// The memory that a measure needs, for the estimate before a run.
public struct MeasureFootprint: Sendable {
  /// The number of pixels of the measure's images in multiples of a normal image.
  public var pixels: Double
  /// The number of simultaneous passes over changed images, besides the maps.
  public var passes: Double
  /// The number of copies of the network's parameters.
  public var networks: Double

  /// Creates an estimate; by default nothing is needed besides the maps.
  public init(pixels: Double = 1, passes: Double = 0, networks: Double = 0) {
    (self.pixels, self.passes, self.networks) = (pixels, passes, networks)
  }
}
