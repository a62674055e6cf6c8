/// A method, a layer and weights, by which an evaluation makes maps. Each is a row of its tables.
public struct MapSetting: Sendable, Hashable {
  /// The saliency method.
  public let method: Method
  /// The layer at which the map is made.
  public let layer: String
  /// The weights at which the map is made.
  public let weights: MapWeights

  /// Creates a setting.
  public init(method: Method, layer: String, weights: MapWeights) {
    (self.method, self.layer, self.weights) = (method, layer, weights)
  }
}
