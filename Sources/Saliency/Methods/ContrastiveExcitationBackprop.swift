import Networks
import Tensors

/// Contrastive excitation backprop (Zhang et al. 2016): the signal of the class minus that of "not the class", whose last
/// weights have their signs turned round; the positive part of the sum over channels.
public struct ContrastiveExcitationBackprop: SaliencyMethod {
  public let name = "contrastive_excitation_backprop"

  /// It has no settings.
  public init() {}

  public static let named = [(name: "contrastive_excitation_backprop", method: ContrastiveExcitationBackprop())]

  public func maps(_ request: MapRequest) -> [Tensor] {
    // Signals add up, so that the difference may be taken at the layer itself.
    let negation = request.gradients(.excitation, sign: -1)
    return zip(request.gradients(.excitation), negation).map { ($0.sum([3]) - $1.sum([3])).relu }
  }

  public func obstacle(at layer: String, of network: Network) -> String? {
    ExcitationBackprop().obstacle(at: layer, of: network)
  }
}

extension Method {
  /// Zhang et al. 2016, contrastive.
  public static let contrastiveExcitation = Method(ContrastiveExcitationBackprop())
}
