import Tensors

/// What a map is, which decides whether anything can be said of it. Every measure, table and image asks this.
public enum MapState: String, Sendable, CaseIterable {
  /// All values are finite, and some differ by more than rounding.
  case defined
  /// All values are alike, up to rounding: there is nothing to rank, to point at or to remove first.
  case constant = "constant map"
  /// Some value is infinite or not a number.
  case notFinite = "map not finite"

  /// What a measure of such a map has in place of a value; nil if the map is defined.
  var undefined: Score.Value? { self == .defined ? nil : .undefined(rawValue) }
}

extension ScalarType {
  /// How far apart two values of a map may lie by rounding alone, as a part of the map's largest magnitude.
  ///
  /// A map is made of sums of K products through L layers, forwards and backwards. Their roundings add up like a random walk
  /// (Higham and Mary 2019, "A New Approach to Probabilistic Rounding Error Analysis"), to about √(2KL) · ε/2 of the terms' size:
  /// some 110 ε for twenty layers of 3×3 convolutions of 128 channels. Twice that and a little is allowed, 256 ε: 3e-5 in float32,
  /// 6e-14 in float64. What is zero in exact arithmetic was at most 2.7 ε in SqueezeNet's maps in float32.
  public var mapTolerance: Double {
    256 * (self == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne))
  }
}

extension Tensor {
  /// What it is as a map, of any shape.
  public var mapState: MapState {
    let values = doubles
    guard values.allSatisfy(\.isFinite) else { return .notFinite }
    guard let low = values.min(), let high = values.max() else { return .constant }
    // Halves, since the difference of two large numbers may be infinite.
    return high / 2 - low / 2 > max(Swift.abs(low), Swift.abs(high)) / 2 * scalarType.mapTolerance
      ? .defined : .constant
  }

  /// The smallest and the largest element; nil unless the map is defined.
  public var range: (low: Double, high: Double)? {
    guard mapState == .defined else { return nil }
    let values = doubles
    return (values.min() ?? 0, values.max() ?? 0)
  }
}
