/// One way of making an image's map in an evaluation: a row of its tables.
public struct MapSetting: Sendable, Hashable {
  /// How the map is made.
  public let method: Method
  /// At which layer.
  public let layer: String
  /// At which weights.
  public let weights: MapWeights

  /// A method at a layer.
  public init(method: Method, layer: String, weights: MapWeights) {
    (self.method, self.layer, self.weights) = (method, layer, weights)
  }
}
