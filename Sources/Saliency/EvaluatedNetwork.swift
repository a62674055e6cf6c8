import Networks
import Tensors

/// A network as an evaluation needs it. It is made once for all images.
public struct EvaluatedNetwork: Sendable {
  /// The network in its own precision, which answers questions about changed images.
  public let plain: Network
  /// The network in the precision of maps, which maps are made of. Its parameters are tracked if updates move them.
  public let explained: Network
  /// For each measure, by its name, the networks that it compares with this one, prepared like ``explained``.
  public let derived: [String: [Network]]

  /// A network, with those that measures derive from it.
  ///
  /// - Parameters:
  ///   - network: the network that is measured.
  ///   - precision: what maps are computed in.
  ///   - movesParameters: whether some maps are made after a virtual update.
  ///   - measures: the measures, of which some may want networks derived from this one.
  public init(_ network: Network, precision: ScalarType, movesParameters: Bool, measures: [any Measure] = []) {
    func prepared(_ network: Network) -> Network {
      movesParameters ? network.with(parameters: network.parameters.map { $0.tracked() }) : network
    }
    plain = network
    let converted = network.converted(to: precision)
    explained = prepared(converted)
    derived = measures.reduce(into: [:]) { derived, measure in
      let networks = measure.derivedNetworks(of: converted)
      if !networks.isEmpty { derived[measure.name] = networks.map(prepared) }
    }
  }
}
