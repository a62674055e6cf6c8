import Components
import Networks
import Tensors

/// What maps are judged by: a number for each image and each way of making its map.
///
/// A measure is a value with settings of its own. To add one, write one file with a type that conforms, and register a value
/// of it with the default settings; recipes can then name it in `evaluation.measures`:
///
///     Registries.measures.register(Steadiness())
public protocol Measure: Component {
  /// What it says, in a sentence or two that stand above its table.
  var explanation: String { get }

  /// Whether more is better; nil where neither is.
  var isHigherBetter: Bool? { get }

  /// The value of one image's map. It is made in the evaluation's precision and for several images at a time, by threads.
  ///
  /// - Parameters:
  ///   - image: the image, with its maps, its objects and the network's answers.
  ///   - setting: how the map is made.
  /// - Returns: the value, or why there is none.
  func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value

  /// Why it cannot be measured, before anything is; nil, as it is unless told otherwise, if it can.
  func obstacle(_ conditions: MeasureConditions) -> String?

  /// Networks made from the one that is measured, whose maps the measure compares. They are made once for all images, and
  /// ``EvaluatedImage/maps(derivedFor:of:at:)`` has their maps. None unless told otherwise.
  func derivedNetworks(of network: Network) -> [Network]

  /// What it takes of memory; nothing besides the maps unless told otherwise.
  var footprint: MeasureFootprint { get }

  /// Whether tables show its means as percentages, without a std: for values that are 0 or 1. False unless told otherwise.
  var isPercent: Bool { get }

  /// What tables and JSON show beside the mean over all images; nothing unless told otherwise.
  var columns: [MeasureColumn] { get }

  /// Values of the image that take no map, such as chance, in rows below those of methods; none unless told otherwise.
  var baselines: [MeasureBaseline] { get }
}

extension Measure {
  public func obstacle(_ conditions: MeasureConditions) -> String? { nil }
  public func derivedNetworks(of network: Network) -> [Network] { [] }
  public var footprint: MeasureFootprint { MeasureFootprint() }
  public var isPercent: Bool { false }
  public var columns: [MeasureColumn] { [] }
  public var baselines: [MeasureBaseline] { [] }

  /// The explanation, and which values are better.
  public var fullExplanation: String {
    explanation + (isHigherBetter.map { $0 ? " Higher is better." : " Lower is better." } ?? "")
  }
}

extension Registries {
  /// The measures that recipes can name. Accuracy is not among them: it is always measured, and of no map.
  public static let measures = Registry<any Measure>(
    "measure",
    [
      ClassSensitivityMeasure(), TopSecondSensitivity(), PairwiseSensitivity(), PointingGame(), Energy(),
      ContentHeatmap(), GridPointing(), Insertion(), Deletion(), Road(), Sparseness(),
      CascadingRandomization(), IndependentRandomization(), Infidelity(), MaxSensitivity(),
    ])
}

/// A measure of images that are made of several ones of the data set, such as a mosaic of them, once all have been seen.
public protocol CompositeMeasure: Measure {
  /// Which images go together.
  ///
  /// - Parameter items: all images of the evaluation, in order.
  /// - Returns: places among the items, a group for each image that is to be made.
  func groups(of items: [MeasuredItem]) -> [[Int]]

  /// The image that a group makes.
  ///
  /// - Parameter images: those of the group in its order, [1, H, W, 3] each.
  /// - Returns: the image, [1, H', W', 3].
  func composed(_ images: [Tensor]) -> Tensor

  /// The values of an image that was made.
  ///
  /// - Parameters:
  ///   - image: the image, whose labels are those of the group in its order.
  ///   - setting: how its maps are made.
  /// - Returns: the values, as many as it has.
  func values(ofComposite image: EvaluatedImage, at setting: MapSetting) -> [Score.Value]
}

extension CompositeMeasure {
  /// There is none: its values are those of ``values(ofComposite:at:)``.
  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    .undefined("measured on several images together")
  }
}

/// What is known before an evaluation begins.
public struct MeasureConditions: Sendable {
  /// Classes of the network.
  public var networkClasses: Int
  /// Classes of the data.
  public var dataClasses: Int
  /// Images that are measured.
  public var images: Int

  /// What is known of a network and its data.
  public init(networkClasses: Int, dataClasses: Int, images: Int) {
    (self.networkClasses, self.dataClasses, self.images) = (networkClasses, dataClasses, images)
  }

  /// Why maps of two classes cannot be compared; nil if they can.
  public var comparisonObstacle: String? {
    networkClasses < 2
      ? "compares maps of two classes, and the network has only one; name others, or accuracy alone" : nil
  }
}

/// What a measure takes of memory, for the estimate before a run.
public struct MeasureFootprint: Sendable {
  /// How many times as many pixels as an image have the images that maps are made of.
  public var pixels: Double
  /// Passes on changed images at a time, beside the maps.
  public var passes: Double
  /// Copies of the network's parameters.
  public var networks: Double

  /// Nothing besides the maps unless told otherwise.
  public init(pixels: Double = 1, passes: Double = 0, networks: Double = 0) {
    (self.pixels, self.passes, self.networks) = (pixels, passes, networks)
  }
}
