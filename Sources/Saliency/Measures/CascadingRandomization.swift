import Networks

/// Cascading randomization (Adebayo et al. 2018): the rank correlation of the label's map with those of networks made random
/// from the last layer on, the mean over how many layers are. A map that stays the same does not explain what was learnt.
public struct CascadingRandomization: Measure {
  public let name = "cascading_randomization"
  public let explanation =
    "Cascading randomization: the rank correlation with maps of networks made random from the last layer on."
  public let isHigherBetter: Bool? = false

  /// It has no settings.
  public init() {}

  public func derivedNetworks(of network: Network) -> [Network] {
    network.randomized(isCascading: true).map(\.network)
  }

  public var footprint: MeasureFootprint { MeasureFootprint(networks: 2) }

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    image.likeness(toDerived: self, at: setting)
  }
}
