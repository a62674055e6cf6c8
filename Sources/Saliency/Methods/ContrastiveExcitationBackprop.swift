import Networks
import Tensors

/// Contrastive excitation backprop (Zhang et al. 2016): the signal of the class minus the signal of "not the class",
/// for which the last layer's weights change their signs. The map is the positive part of the sum over channels.
public struct ContrastiveExcitationBackprop: SaliencyMethod {
  public let name = "contrastive_excitation_backprop"

  /// Creates the method, which has no settings.
  public init() {}

  public static let named = [(name: "contrastive_excitation_backprop", method: ContrastiveExcitationBackprop())]

  public func maps(_ request: MapRequest) -> [Tensor] {
    // Signals are additive, so that the difference can be taken at the layer itself.
    let negation = request.gradients(.excitation, sign: -1)
    return zip(request.gradients(.excitation), negation).map { ($0.sum([3]) - $1.sum([3])).relu }
  }

  public func obstacle(at layer: String, of network: Network) -> String? {
    ExcitationBackprop().obstacle(at: layer, of: network)
  }
}

extension Method {
  /// Contrastive excitation backprop (Zhang et al. 2016).
  public static let contrastiveExcitation = Method(ContrastiveExcitationBackprop())
}
