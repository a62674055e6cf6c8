import Networks

/// Independent randomization (Adebayo et al. 2018): the rank correlation between the label's map and those of networks
/// with one randomized layer, the mean over layers. A map that does not change does not explain what the layer has
/// learnt.
public struct IndependentRandomization: Measure {
  public let name = "independent_randomization"
  public let explanation =
    "Independent randomization: the rank correlation with maps of networks with one randomized layer."
  public let isHigherBetter: Bool? = false

  /// Creates the measure, which has no settings.
  public init() {}

  public func derivedNetworks(of network: Network) -> [Network] {
    network.randomized(isCascading: false).map(\.network)
  }

  public var footprint: MeasureFootprint { MeasureFootprint(networks: 2) }

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    image.likeness(toDerived: self, at: setting)
  }
}
