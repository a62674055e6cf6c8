import Components
import Tensors

/// Remove and debias, ROAD (Rong et al. 2022). Removed pixels are filled in from their neighbours, so that the shape of
/// the removed area gives away as little as possible. The value is half the mean difference, over shares of the pixels,
/// between the label's probability without the least salient and without the most salient pixels. A random map has the
/// expected value 0.
public struct Road: Measure {
  public let name = "road"
  public let explanation =
    "ROAD: half the difference between the label's probability without the least salient and without the most salient "
    + "pixels."
  public let isHigherBetter: Bool? = true
  public let aspect: MeasureAspect? = .faithfulness
  /// The shares of the pixels that are removed, one after the other.
  public var shares: [Double]
  /// The std of the noise that is added to filled-in pixels, in units of the network's input.
  public var noise: Double

  /// Creates the measure; the default shares are those of pytorch-grad-cam and the default noise is the paper's.
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
  ///   - image: the network's input, [1, H, W, 3].
  ///   - score: computes the class's probability for images [N, H, W, 3].
  /// - Returns: the value, or the reason why it is undefined.
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
