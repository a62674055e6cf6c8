import Components
import Tensors

/// Deletion (Petsiuk et al. 2018): the area under the label's probability while pixels are covered by the mean color, the most
/// salient first.
public struct Deletion: Measure {
  public let name = "deletion"
  public let explanation =
    "Deletion: the area under the label's probability while the most salient pixels go."
  public let isHigherBetter: Bool? = false
  /// Points of the curve, besides the untouched image.
  public var steps: Int

  /// A curve of 16 steps unless told otherwise.
  public init(steps: Int = 16) { self.steps = steps }

  public mutating func visit(_ keys: Keys) { keys("steps", &steps, .integer(1...1000)) }

  public var footprint: MeasureFootprint { MeasureFootprint(passes: 4) }

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    value(of: image.map(of: image.label, at: setting), image.image) { image.probabilities(of: $0) }
  }

  /// The area under a class's probability.
  ///
  /// - Parameters:
  ///   - map: the class's map.
  ///   - image: [1, H, W, 3], as the network sees it.
  ///   - score: the class's probabilities on images [N, H, W, 3].
  /// - Returns: the area, or why there is none.
  public func value(of map: ImageMap, _ image: Tensor, score: (Tensor) -> [Double]) -> Score.Value {
    RemovalCurve(steps: steps).area(under: map, from: image, to: RemovalCurve.covered(image, .mean), score)
  }
}
