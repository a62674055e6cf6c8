import Components
import Tensors

/// Max-sensitivity (Yeh et al. 2019): the largest ‖Φ(x + δ) − Φ(x)‖ / ‖Φ(x)‖ over random perturbations δ of the image,
/// which are uniform up to the radius. Φ is the label's map at the layer's own resolution.
public struct MaxSensitivity: Measure {
  public let name = "max_sensitivity"
  public let explanation =
    "Max-sensitivity: the largest relative change of the map under small changes of the image."
  public let isHigherBetter: Bool? = false
  /// The number of perturbations.
  public var samples: Int
  /// The largest change of a pixel, in units of the network's input.
  public var radius: Double

  /// Creates the measure; by default with ten perturbations of at most 0.02.
  public init(samples: Int = 10, radius: Double = 0.02) { (self.samples, self.radius) = (samples, radius) }

  public mutating func visit(_ keys: Keys) {
    keys("samples", &samples, .integer(1...10_000))
    keys("radius", &radius, .number(1e-6...10))
  }

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    func explained(_ changed: Tensor) -> Tensor { image.map(ofChanged: changed, class: image.label, at: setting) }
    return value(of: explained(image.exactImage), image.exactImage, explain: explained)
  }

  /// The largest relative change of a map.
  ///
  /// - Parameters:
  ///   - map: the map of the image.
  ///   - image: the network's input, [1, H, W, 3].
  ///   - explain: makes the map of an image [1, H, W, 3].
  /// - Returns: the change, or the reason why it is undefined.
  public func value(of map: Tensor, _ image: Tensor, explain: (Tensor) -> Tensor) -> Score.Value {
    guard map.mapState != .notFinite else { return .undefined(MapState.notFinite.rawValue) }
    // Values are divided by the largest magnitude, because its square may overflow or underflow.
    let unit = map.doubles.reduce(0) { max($0, abs($1)) }
    func norm(_ map: [Double]) -> Double { map.reduce(0) { $0 + $1 / unit * ($1 / unit) }.squareRoot() }
    let own = map.doubles
    guard unit > 0 else { return .undefined("no saliency") }
    var random = RandomSource(seed: 0, purpose: "max-sensitivity")
    let changes = (0..<samples).map { _ in
      let change = Tensor.uniform(image.shape, from: -radius, to: radius, image.scalarType, using: &random)
      return norm(zip(explain(image + change).doubles, own).map { $0 - $1 }) / norm(own)
    }
    // `max()` would ignore a NaN, because every comparison with it is false.
    return .defined(changes.allSatisfy(\.isFinite) ? changes.max() ?? 0 : .nan)
  }
}
