import Components
import Tensors

/// Remove and debias, ROAD (Rong et al. 2022): pixels are not covered but filled in from their surroundings, so that what is
/// left of them is not their outline. The value is half the mean difference, over shares of the pixels, of the label's
/// probability with the least and with the most salient pixels removed. A random map has 0.
public struct Road: Measure {
  public let name = "road"
  public let explanation =
    "ROAD: half of how much more of the label's probability is left without the least than without the most salient "
    + "pixels."
  public let isHigherBetter: Bool? = true
  /// Shares of the pixels that are removed in turn.
  public var shares: [Double]
  /// The std of the noise added to what is filled in, in the units of the network's input.
  public var noise: Double

  /// The shares that pytorch-grad-cam takes, and the paper's noise.
  public init(shares: [Double] = [0.2, 0.4, 0.6, 0.8], noise: Double = 0.01) {
    (self.shares, self.noise) = (shares, noise)
  }

  public mutating func visit(_ keys: Keys) {
    keys("shares", &shares, .list(.share, atLeast: 1))
    keys("noise", &noise, .number(0...10))
  }

  public var footprint: MeasureFootprint { MeasureFootprint(passes: 4) }

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    value(of: image.map(of: image.label, at: setting), image.image) { image.probabilities(of: $0) }
  }

  /// Half the mean difference of a class's probability.
  ///
  /// - Parameters:
  ///   - map: the class's map.
  ///   - image: [1, H, W, 3], as the network sees it.
  ///   - score: the class's probabilities on images [N, H, W, 3].
  /// - Returns: the value, or why there is none.
  public func value(of map: ImageMap, _ image: Tensor, score: (Tensor) -> [Double]) -> Score.Value {
    if let undefined = map.state.undefined { return undefined }
    let order = map.order
    let images = shares.flatMap { share in
      let count = Int((Double(order.count) * share).rounded())
      return [order.suffix(count), order.prefix(count)].map { imputed(image, Set($0)) }
    }
    let scores = score(.concatenated(images, axis: 0))
    let differences = shares.indices.map { scores[2 * $0] - scores[2 * $0 + 1] }
    return .defined(differences.reduce(0, +) / Double(2 * shares.count))
  }

  /// The image with some pixels filled in.
  func imputed(_ image: Tensor, _ removed: Set<Int>) -> Tensor {
    Imputation.imputed(image, removed, noise: noise)
  }
}
