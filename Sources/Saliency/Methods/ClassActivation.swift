import Tensors

/// Class activation mapping: ReLU(Σ w x) over channels, with activations x and a weight w per channel that is computed
/// from the gradients.
public struct ClassActivation: SaliencyMethod {
  /// The weights of the channels.
  public enum ChannelWeights: Sendable, Hashable {
    /// Grad-CAM (Selvaraju et al. 2017): the mean of the gradient over locations.
    case mean
    /// Grad-CAM++ (Chattopadhay et al. 2018): the sum over locations of the positive gradients, each multiplied by g² /
    /// (2 g² + g³ Σ x) of equation 19. g is the gradient at the location, and x is summed over all locations. The
    /// denominator can only come near 0 if some activations are negative; the quotient is bounded then, see
    /// `map(_:_:)`.
    case higherOrder
    /// Layer-CAM (Jiang et al. 2021): the positive gradient at each location.
    case local
  }

  /// The weights of the channels.
  public var weights: ChannelWeights

  /// Creates class activation mapping with these weights.
  public init(_ weights: ChannelWeights) { self.weights = weights }

  public static let named: [(name: String, method: ClassActivation)] = [
    ("grad_cam", .init(.mean)), ("grad_cam++", .init(.higherOrder)), ("layer_cam", .init(.local)),
  ]

  public var name: String { Self.named.first { $0.method == self }?.name ?? "class_activation" }

  public var explainsLogit: Bool { true }

  public func maps(_ request: MapRequest) -> [Tensor] { request.maps { weights.map($0, $1) } }
}

extension ClassActivation.ChannelWeights {
  /// Makes the map [N, H, W] from activations x and gradients g, both [N, H, W, C].
  func map(_ x: Tensor, _ g: Tensor) -> Tensor {
    switch self {
    case .mean: return (g.mean([1, 2], keepDims: true) * x).sum([3]).relu
    case .local: return (g.relu * x).sum([3]).relu
    case .higherOrder:
      // Equation 19, g² / (2 g² + g³ Σ x), with g² canceled. Where g is 0, the weight is 0 too.
      let share = (g * x.sum([1, 2], keepDims: true) + 2).reciprocalPastZero
      return ((share * g.relu).sum([1, 2], keepDims: true) * x).sum([3]).relu
    }
  }
}

extension Tensor {
  /// Returns `1 / x`, except that within 0.1 of the pole at 0 it is the line 100 x, which connects the two branches.
  ///
  /// Grad-CAM++ divides by 2 + g Σ x. For positive g this is at least 2, unless a channel's activations sum to less
  /// than 0, which is only possible before a ReLU. The formula then has a pole, for which the paper gives no meaning.
  /// On the line the value and its derivative are bounded, and the value at the pole is 0.
  fileprivate var reciprocalPastZero: Tensor {
    let width = 0.1
    let isNear = (width - detached().abs).relu.sign
    return (self * (1 - isNear)).reciprocalOrZero + self * isNear * (1 / (width * width))
  }
}

extension Method {
  /// Grad-CAM (Selvaraju et al. 2017).
  public static let gradCAM = classActivation(.mean)

  /// Class activation mapping with these weights.
  public static func classActivation(_ weights: ClassActivation.ChannelWeights) -> Method {
    Method(ClassActivation(weights))
  }
}
