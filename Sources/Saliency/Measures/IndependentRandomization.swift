import Networks

/// Independent randomization (Adebayo et al. 2018): the rank correlation of the label's map with those of networks with one
/// random layer, the mean over layers. A map that stays the same does not explain what the layer learnt.
public struct IndependentRandomization: Measure {
  public let name = "independent_randomization"
  public let explanation =
    "Independent randomization: the rank correlation with maps of networks with one random layer."
  public let isHigherBetter: Bool? = false

  /// It has no settings.
  public init() {}

  public func derivedNetworks(of network: Network) -> [Network] {
    network.randomized(isCascading: false).map(\.network)
  }

  public var footprint: MeasureFootprint { MeasureFootprint(networks: 2) }

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    image.likeness(toDerived: self, at: setting)
  }
}
