import Tensors

/// Combines the maps of several layers into one ("There and Back Again", section 3.3). Each map is resized bilinearly
/// to the image and scaled to [0, 1] by its minimum and maximum.
public struct Combination: Sendable, Hashable {
  /// The rule by which the scaled maps are combined.
  public enum Rule: String, Sendable, CaseIterable {
    /// The product of the maps.
    case product
    /// The weighted sum Σ ŵ m, with ŵ = w / Σw.
    case weightedSum = "weighted_sum"
    /// The weighted geometric mean Π m^ŵ.
    case weightedProduct = "weighted_product"
  }

  /// The rule by which the scaled maps are combined.
  public var rule: Rule
  /// The weight of each layer, in the layers' order; not negative.
  public var weights: [Double]

  /// Creates a combination from a rule and a weight for each layer. The rule `product` ignores the weights.
  public init(_ rule: Rule, weights: [Double]) { (self.rule, self.weights) = (rule, weights) }

  /// Equal weights for all layers.
  public static func uniform(_ layers: Int) -> [Double] { Array(repeating: 1, count: layers) }

  /// The weights 1/L, 2/L, …, 1, which favor later layers.
  public static func linear(_ layers: Int) -> [Double] { (1...layers).map { Double($0) / Double(layers) } }

  /// The paper's weights from the spread of activations. The weight of a layer is the mean over channels of the std
  /// over images and locations, divided by the mean absolute activation. `activations` has those of some images at each
  /// layer, [N, H, W, C].
  public static func activationSpread(_ activations: [Tensor]) -> [Double] {
    activations.map { activation in
      let x = activation.detached().converted(to: .float64)
      let std = (x - x.mean([0, 1, 2])).squared.mean([0, 1, 2]).sqrt.mean().item
      let size = x.abs.mean().item
      return size > 0 ? std / size : 0
    }
  }

  /// Combines the maps of the layers, [N, h, w] each, into one, [N, height, width].
  ///
  /// - Returns: the map, and for each image the layers that were left out because their map is constant. For example,
  ///   the map of a virtual bias is constant at a layer that global average pooling follows.
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

  /// Scales a map to [0, 1] by its minimum and maximum; nil if the map is constant up to rounding.
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
  /// Raises non-negative elements to a positive power; 0 stays 0.
  fileprivate func power(_ exponent: Double) -> Tensor {
    let isZero = Tensor.ones(shape, scalarType) - detached().sign
    return ((self + isZero).log * exponent).exp * detached().sign
  }
}
