import Networks
import Tensors

/// Excitation backprop (Zhang et al. 2016, "Top-down Neural Attention by Excitation Backprop"). Each unit distributes
/// its signal to the units below it in proportion to activation times positive weight. The map is the sum over
/// channels.
public struct ExcitationBackprop: SaliencyMethod {
  public let name = "excitation_backprop"

  /// Creates the method, which has no settings.
  public init() {}

  public static let named = [(name: "excitation_backprop", method: ExcitationBackprop())]

  public func maps(_ request: MapRequest) -> [Tensor] { request.gradients(.excitation).map { $0.sum([3]) } }

  public func obstacle(at layer: String, of network: Network) -> String? {
    network.excitationObstacle(at: layer).map { reason in
      "has no map at '\(layer)' of \(network.architecture): it needs non-negative activations, as after a ReLU, "
        + "between this layer and the logits, and \(reason)"
    }
  }
}

extension Method {
  /// Excitation backprop (Zhang et al. 2016).
  public static let excitation = Method(ExcitationBackprop())
}
