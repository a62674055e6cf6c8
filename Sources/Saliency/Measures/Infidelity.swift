import Components
import Tensors

/// Infidelity (Yeh et al. 2019): the mean over noise I of (Σ I Φ − (f(x) − f(x − I)))², with the same noise in all three
/// colors and f the label's logit, after Φ is scaled by the one number that makes this least (maps have no common scale),
/// and relative to the mean of (f(x) − f(x − I))². So 0 is a perfect account of the logit's changes, and 1 none.
public struct Infidelity: Measure {
  public let name = "infidelity"
  public let explanation =
    "Infidelity: what share of the logit's changes under noise the map does not account for."
  public let isHigherBetter: Bool? = false
  /// Changes that are tried.
  public var samples: Int
  /// The std of the noise, in the input's units.
  public var radius: Double

  /// Ten changes with a std of 0.02 unless told otherwise.
  public init(samples: Int = 10, radius: Double = 0.02) { (self.samples, self.radius) = (samples, radius) }

  public mutating func visit(_ keys: Keys) {
    keys("samples", &samples, .integer(1...10_000))
    keys("radius", &radius, .number(1e-6...10))
  }

  public var footprint: MeasureFootprint { MeasureFootprint(passes: 4) }

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    value(of: image.map(of: image.label, at: setting), image.image) { image.logits(of: $0) }
  }

  /// What share of a logit's changes a map does not account for.
  ///
  /// - Parameters:
  ///   - map: the class's map.
  ///   - image: [1, H, W, 3], as the network sees it.
  ///   - score: the class's logits on images [N, H, W, 3].
  /// - Returns: the share, or why there is none.
  public func value(of map: ImageMap, _ image: Tensor, score: (Tensor) -> [Double]) -> Score.Value {
    var random = RandomSource(seed: 0, purpose: "infidelity")
    let noises = (0..<samples).map { _ in
      Tensor.normal([1, map.height, map.width, 1], std: radius, image.scalarType, using: &random)
    }
    return Self.value(of: map, image, noises, score: score)
  }

  /// The same with noise [1, H, W, 1] that is at hand.
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
