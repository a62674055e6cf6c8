import Components
import Tensors

/// Infidelity (Yeh et al. 2019): the mean of (Σ I Φ − (f(x) − f(x − I)))² over random noise I, divided by the mean of
/// (f(x) − f(x − I))². f is the label's logit, and I is the same in all three colors. Maps have no common scale, so Φ
/// is first multiplied by the factor that minimizes the value. At 0 the map explains the changes of the logit
/// perfectly, at 1 not at all.
public struct Infidelity: Measure {
  public let name = "infidelity"
  public let explanation =
    "Infidelity: the share of the logit's changes under noise that the map does not explain."
  public let isHigherBetter: Bool? = false
  public let aspect: MeasureAspect? = .faithfulness
  /// The number of noise samples.
  public var samples: Int
  /// The std of the noise, in units of the network's input.
  public var radius: Double

  /// Creates the measure; by default with ten samples and a std of 0.02.
  public init(samples: Int = 10, radius: Double = 0.02) { (self.samples, self.radius) = (samples, radius) }

  public mutating func visit(_ keys: Keys) {
    keys("samples", &samples, .integer(1...10_000))
    keys("radius", &radius, .number(1e-6...10))
  }

  public var footprint: MeasureFootprint { MeasureFootprint(passes: 4) }

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    value(of: image.map(of: image.label, at: setting), image.image) { image.logits(of: $0) }
  }

  /// The share of a logit's changes that a map does not explain.
  ///
  /// - Parameters:
  ///   - map: the class's map.
  ///   - image: the network's input, [1, H, W, 3].
  ///   - score: computes the class's logit for images [N, H, W, 3].
  /// - Returns: the share, or the reason why it is undefined.
  public func value(of map: ImageMap, _ image: Tensor, score: (Tensor) -> [Double]) -> Score.Value {
    var random = RandomSource(seed: 0, purpose: "infidelity")
    let noises = (0..<samples).map { _ in
      Tensor.normal([1, map.height, map.width, 1], std: radius, image.scalarType, using: &random)
    }
    return Self.value(of: map, image, noises, score: score)
  }

  /// The infidelity for given noise samples, [1, H, W, 1] each.
  static func value(
    of map: ImageMap, _ image: Tensor, _ noises: [Tensor], score: (Tensor) -> [Double]
  ) -> Score.Value {
    if let undefined = map.state.undefined { return undefined }
    let values = score(.concatenated([image] + noises.map { image - $0 }, axis: 0))
    let changes = values.dropFirst().map { values[0] - $0 }
    let saliency = map.scaled
    let accounts = noises.map { noise in zip(noise.doubles, saliency).reduce(0) { $0 + $1.0 * $1.1 } }
    let (size, fit) = (accounts.reduce(0) { $0 + $1 * $1 }, zip(accounts, changes).reduce(0) { $0 + $1.0 * $1.1 })
    let total = changes.reduce(0) { $0 + $1 * $1 }
    guard total > 0 else { return .undefined("logit without changes") }
    let scale = size > 0 ? fit / size : 0
    return .defined(zip(accounts, changes).reduce(0) { $0 + ($1.1 - scale * $1.0) * ($1.1 - scale * $1.0) } / total)
  }
}
