import Tensors

/// Class activation mapping from gradients: ReLU(Σ w x) over channels, with activations x and a weight w for each channel that
/// is made of the gradients.
public struct ClassActivation: SaliencyMethod {
  /// What weighs a channel.
  public enum ChannelWeights: Sendable, Hashable {
    /// Selvaraju et al. 2017, Grad-CAM: the gradient's mean over locations.
    case mean
    /// Chattopadhay et al. 2018, Grad-CAM++: the sum over locations of positive gradients, each times g² / (2 g² + g³ Σ x) of
    /// equation 19, where the cube is the location's and x is summed over all locations. Where a denominator comes near 0, which
    /// takes activations that are negative, the quotient is bounded: see `map(_:_:)`.
    case higherOrder
    /// Jiang et al. 2021, Layer-CAM: the positive gradient at each location.
    case local
  }

  /// What weighs a channel.
  public var weights: ChannelWeights

  /// Class activation mapping with such weights.
  public init(_ weights: ChannelWeights) { self.weights = weights }

  public static let named: [(name: String, method: ClassActivation)] = [
    ("grad_cam", .init(.mean)), ("grad_cam++", .init(.higherOrder)), ("layer_cam", .init(.local)),
  ]

  public var name: String { Self.named.first { $0.method == self }?.name ?? "class_activation" }

  public func maps(_ request: MapRequest) -> [Tensor] { request.maps { weights.map($0, $1) } }
}

extension ClassActivation.ChannelWeights {
  /// The map [N, H, W] of activations x and gradients g, both [N, H, W, C].
  func map(_ x: Tensor, _ g: Tensor) -> Tensor {
    switch self {
    case .mean: return (g.mean([1, 2], keepDims: true) * x).sum([3]).relu
    case .local: return (g.relu * x).sum([3]).relu
    case .higherOrder:
      // Equation 19, g² / (2 g² + g³ Σ x), of which the squares cancel. Where g is 0 so is the weight.
      let share = (g * x.sum([1, 2], keepDims: true) + 2).reciprocalPastZero
      return ((share * g.relu).sum([1, 2], keepDims: true) * x).sum([3]).relu
    }
  }
}

extension Tensor {
  /// `1 / x`, but less than 0.1 from 0, where it has its pole, the straight line 100 x between its two arms.
  ///
  /// Grad-CAM++ divides by 2 + g Σ x, which is at least 2 where it counts, at positive g, unless a channel's activations
  /// add up to less than 0, as only those that no ReLU has made non-negative can. There the formula has a pole for which the paper has
  /// no meaning. On the line value and derivative stay bounded, and the value at the pole itself is 0.
  fileprivate var reciprocalPastZero: Tensor {
    let width = 0.1
    let isNear = (width - detached().abs).relu.sign
    return (self * (1 - isNear)).reciprocalOrZero + self * isNear * (1 / (width * width))
  }
}

extension Method {
  /// Selvaraju et al. 2017.
  public static let gradCAM = classActivation(.mean)

  /// Class activation mapping from gradients.
  public static func classActivation(_ weights: ClassActivation.ChannelWeights) -> Method {
    Method(ClassActivation(weights))
  }
}
