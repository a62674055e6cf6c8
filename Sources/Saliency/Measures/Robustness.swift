import Networks
import Tensors

/// How faithful a map is to small changes of the image, and how steady under them (Yeh et al. 2019).
public struct Robustness: Sendable {
  /// Changes that are tried.
  public var samples: Int
  /// For infidelity the std of the noise, for sensitivity the largest change of a pixel; in the input's units.
  public var radius: Double

  /// So many changes of such a size.
  public init(samples: Int = 10, radius: Double = 0.02) { (self.samples, self.radius) = (samples, radius) }

  /// Infidelity: the mean over noise I of (Σ I Φ − (f(x) − f(x − I)))², with the same noise in all three colors, after Φ is
  /// scaled by the one number that makes this least (maps have no common scale), and relative to the mean of
  /// (f(x) − f(x − I))². So 0 is a perfect account of the logit's changes, and 1 none.
  ///
  /// - Parameters:
  ///   - image: [1, H, W, 3], as the network sees it.
  ///   - score: the class's logits on images [N, H, W, 3].
  public func infidelity(_ map: ImageMap, _ image: Tensor, score: (Tensor) -> [Double]) -> Score.Value {
    var random = RandomSource(seed: 0, purpose: "infidelity")
    let noises = (0..<samples).map { _ in
      Tensor.normal([1, map.height, map.width, 1], std: radius, image.scalarType, using: &random)
    }
    return Self.infidelity(map, image, noises, score: score)
  }

  /// The same with noise [1, H, W, 1] that is at hand.
  static func infidelity(
    _ map: ImageMap, _ image: Tensor, _ noises: [Tensor], score: (Tensor) -> [Double]
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

  /// Max-sensitivity: the largest ‖Φ(x + δ) − Φ(x)‖ / ‖Φ(x)‖ over changes δ that are uniform up to the radius. Lower is
  /// steadier.
  ///
  /// - Parameter explain: the map of an image [1, H, W, 3].
  public func maxSensitivity(_ map: Tensor, _ image: Tensor, explain: (Tensor) -> Tensor) -> Score.Value {
    guard map.mapState != .notFinite else { return .undefined(MapState.notFinite.rawValue) }
    // In units of the largest magnitude, whose square may not be a number of this type.
    let unit = map.doubles.reduce(0) { max($0, abs($1)) }
    func norm(_ map: [Double]) -> Double { map.reduce(0) { $0 + $1 / unit * ($1 / unit) }.squareRoot() }
    let own = map.doubles
    guard unit > 0 else { return .undefined("no saliency") }
    var random = RandomSource(seed: 0, purpose: "max-sensitivity")
    let changes = (0..<samples).map { _ in
      let change = Tensor.uniform(image.shape, from: -radius, to: radius, image.scalarType, using: &random)
      return norm(zip(explain(image + change).doubles, own).map { $0 - $1 }) / norm(own)
    }
    // A comparison with what is no number says nothing, so that max() would lose it.
    return .defined(changes.allSatisfy(\.isFinite) ? changes.max() ?? 0 : .nan)
  }
}

extension Network {
  /// Networks with layers made random (Adebayo et al. 2018), to see whether maps notice: a map that stays the same does not
  /// explain what was learnt. Each layer's parameters are redrawn with the std that they have, from the seed.
  ///
  /// - Parameter isCascading: whether layers stay random once they are, from the last to the first; else one at a time.
  /// - Returns: the layers in that order, each with the network.
  public func randomized(isCascading: Bool, seed: UInt64 = 0) -> [(layer: String, network: Network)] {
    func layer(_ name: String) -> String { String(name[..<(name.lastIndex(of: ".") ?? name.endIndex)]) }
    let layers = parameterNames.filter { $0.hasSuffix("weight") }.map(layer).reversed()
    var result: [(String, Network)] = []
    var current = self
    for (number, redrawn) in layers.enumerated() {
      var random = RandomSource(seed: seed, purpose: "randomize", number)
      let base = isCascading ? current : self
      current = base.with(
        parameters: zip(parameterNames, base.parameters).map { name, parameter in
          guard layer(name) == redrawn, parameter.count > 1 else { return parameter }
          let mean = parameter.mean().item
          let std = (parameter - mean).squared.mean().item.squareRoot()
          return Tensor.normal(parameter.shape, std: std, parameter.scalarType, using: &random) + mean
        })
      result.append((redrawn, current))
    }
    return result
  }
}
