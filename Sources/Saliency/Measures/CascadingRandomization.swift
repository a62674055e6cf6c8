import Networks

/// Cascading randomization (Adebayo et al. 2018): the rank correlation between the label's map and those of networks
/// whose layers were randomized, starting from the last layer. It is the mean over the numbers of randomized layers. A
/// map that does not change does not explain what the network has learnt.
public struct CascadingRandomization: Measure {
  public let name = "cascading_randomization"
  public let explanation =
    "Cascading randomization: the rank correlation with maps of networks whose last layers are randomized."
  public let isHigherBetter: Bool? = false

  /// Creates the measure, which has no settings.
  public init() {}

  public func derivedNetworks(of network: Network) -> [Network] {
    network.randomized(isCascading: true).map(\.network)
  }

  public var footprint: MeasureFootprint { MeasureFootprint(networks: 2) }

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    image.likeness(toDerived: self, at: setting)
  }
}
