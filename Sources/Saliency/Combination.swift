import Tensors

/// Maps of several layers made into one ("There and Back Again", section 3.3): each is resized bilinearly to the image and
/// scaled to [0, 1] by its own extremes.
public struct Combination: Sendable, Hashable {
  /// How the scaled maps meet.
  public enum Rule: String, Sendable, CaseIterable {
    /// Their product.
    case product
    /// Σ ŵ m, with ŵ = w / Σw.
    case weightedSum = "weighted_sum"
    /// Π m^ŵ, the weighted geometric mean.
    case weightedProduct = "weighted_product"
  }

  /// How the maps meet.
  public var rule: Rule
  /// How much each layer counts, in the layers' order; not negative.
  public var weights: [Double]

  /// A rule with a weight for each layer, in the layers' order. The product of maps ignores the weights.
  public init(_ rule: Rule, weights: [Double]) { (self.rule, self.weights) = (rule, weights) }

  /// All layers alike.
  public static func uniform(_ layers: Int) -> [Double] { Array(repeating: 1, count: layers) }

  /// 1/L, 2/L, …, 1: later layers count more.
  public static func linear(_ layers: Int) -> [Double] { (1...layers).map { Double($0) / Double(layers) } }

  /// By what is measured of each layer, such as accuracies, as they are.
  ///
  /// The paper's weights from activations: how far apart the images' activations lie. Here the mean over channels of the std
  /// over images and locations, relative to the mean size of an activation. The activations are of some images at each layer,
  /// [N, H, W, C].
  public static func activationSpread(_ activations: [Tensor]) -> [Double] {
    activations.map { activation in
      let x = activation.detached().converted(to: .float64)
      let std = (x - x.mean([0, 1, 2])).squared.mean([0, 1, 2]).sqrt.mean().item
      let size = x.abs.mean().item
      return size > 0 ? std / size : 0
    }
  }

  /// The maps of each layer, [N, h, w], as one [N, height, width].
  ///
  /// - Returns: besides the map, for each image the layers that took no part, because their map there is constant and has
  ///   nothing to say: as a virtual bias's is straight before global average pooling.
  public func callAsFunction(_ maps: [Tensor], height: Int, width: Int) -> (map: Tensor, skipped: [[Int]]) {
    precondition(maps.count == weights.count, "Combination: \(weights.count) weights for \(maps.count) layers")
    let images = maps[0].shape[0]
    var skipped = [[Int]](repeating: [], count: images)
    var rows: [Tensor] = []
    for image in 0..<images {
      var taking: [(map: Tensor, weight: Double)] = []
      for (layer, map) in maps.enumerated() {
        let own = map.sliced(axis: 0, from: image, length: 1)
        if own.mapState != .constant,
          let scaled = Self.scaled(own.reshaped(own.shape + [1]).resized(height: height, width: width))
        {
          taking.append((scaled, weights[layer]))
        } else {
          skipped[image].append(layer)
        }
      }
      rows.append(combined(taking) ?? .zeros([1, height, width, 1], maps[0].scalarType))
    }
    return (Tensor.concatenated(rows, axis: 0).reshaped([images, height, width]), skipped)
  }

  private func combined(_ maps: [(map: Tensor, weight: Double)]) -> Tensor? {
    guard let first = maps.first else { return nil }
    let total = maps.reduce(0) { $0 + $1.weight }
    func folded(_ term: ((map: Tensor, weight: Double)) -> Tensor, _ join: (Tensor, Tensor) -> Tensor) -> Tensor {
      maps.dropFirst().reduce(term(first)) { join($0, term($1)) }
    }
    switch rule {
    case .product: return folded({ $0.map }, *)
    case .weightedSum: return folded({ $0.map * ($0.weight / total) }, +)
    case .weightedProduct: return folded({ $0.map.power($0.weight / total) }, *)
    }
  }

  /// Scaled to [0, 1] by its extremes; nil if it is constant, up to the rounding of its own computation.
  private static func scaled(_ map: Tensor) -> Tensor? {
    switch map.mapState {
    case .constant: return nil
    case .notFinite: return map
    case .defined:
      let flat = map.reshaped([-1])
      let (low, high) = (-(-flat).maximum(), flat.maximum())
      return (map - low) / (high - low)
    }
  }
}

extension Tensor {
  /// Each element, none negative, to a positive power; 0 stays 0.
  fileprivate func power(_ exponent: Double) -> Tensor {
    let isZero = Tensor.ones(shape, scalarType) - detached().sign
    return ((self + isZero).log * exponent).exp * detached().sign
  }
}
