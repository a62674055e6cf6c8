import Components
import Tensors

/// Deletion (Petsiuk et al. 2018): the area under the curve of the label's probability while pixels are replaced by the
/// mean color, the most salient first.
public struct Deletion: Measure {
  public let name = "deletion"
  public let explanation =
    "Deletion: the area under the curve of the label's probability while pixels are removed, the most salient first."
  public let isHigherBetter: Bool? = false
  public let aspect: MeasureAspect? = .faithfulness
  /// The number of points of the curve besides the original image.
  public var steps: Int

  /// Creates the measure; by default the curve has 16 steps.
  public init(steps: Int = 16) { self.steps = steps }

  public mutating func visit(_ keys: Keys) { keys("steps", &steps, .integer(1...1000)) }

  public var footprint: MeasureFootprint { MeasureFootprint(passes: 4) }

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    value(of: image.map(of: image.label, at: setting), image.image) { image.probabilities(of: $0) }
  }

  /// The area under the curve of a class's probability.
  ///
  /// - Parameters:
  ///   - map: the class's map.
  ///   - image: the network's input, [1, H, W, 3].
  ///   - score: computes the class's probability for images [N, H, W, 3].
  /// - Returns: the area, or the reason why it is undefined.
  public func value(of map: ImageMap, _ image: Tensor, score: (Tensor) -> [Double]) -> Score.Value {
    RemovalCurve(steps: steps).area(under: map, from: image, to: RemovalCurve.covered(image, .mean), score)
  }
}
