import Networks
import Tensors

/// A network prepared for an evaluation. It is prepared once for all images.
public struct EvaluatedNetwork: Sendable {
  /// The network in its own precision, for passes over changed images.
  public let plain: Network
  /// The network in the precision of maps, for the passes that make maps. Its parameters are tracked if updates move
  /// them.
  public let explained: Network
  /// The networks that each measure derives from this one, by the measure's result name; they are prepared like ``explained``.
  public let derived: [String: [Network]]

  /// Prepares a network and those that measures derive from it.
  ///
  /// - Parameters:
  ///   - network: the network to evaluate.
  ///   - precision: the scalar type in which maps are computed.
  ///   - movesParameters: whether some maps are made after a virtual update.
  ///   - measures: the measures, some of which may derive networks.
  public init(_ network: Network, precision: ScalarType, movesParameters: Bool, measures: [any Measure] = []) {
    func prepared(_ network: Network) -> Network {
      movesParameters ? network.with(parameters: network.parameters.map { $0.tracked() }) : network
    }
    plain = network
    let converted = network.converted(to: precision)
    explained = prepared(converted)
    derived = measures.reduce(into: [:]) { derived, measure in
      let networks = measure.derivedNetworks(of: converted)
      if !networks.isEmpty { derived[measure.resultName] = networks.map(prepared) }
    }
  }
}
