import Tensors

/// What a map is, which decides whether anything can be said of it. Every measure, table and picture asks this.
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
  /// A map is made of sums of up to K = 4,608 products (a 3×3 convolution of 512 channels) through up to L = 152 layers, forwards
  /// and backwards. Roundings add up like a random walk (Higham and Mary 2019, "A New Approach to Probabilistic Rounding Error
  /// Analysis"), to about √(2KL) · ε/2 ≈ 600 ε of the terms' size; twice that, 1,200 ε, is allowed. Maps that are
  /// constant in exact arithmetic were seen to spread by less than 40 ε. In float64 this is 2.7e-13, and in float32 1.4e-4.
  public var mapTolerance: Double {
    1200 * (self == .float64 ? Double(Double.ulpOfOne) : Double(Float.ulpOfOne))
  }
}

extension Tensor {
  /// What it is as a map, of any shape.
  public var mapState: MapState {
    let values = doubles
    guard values.allSatisfy(\.isFinite) else { return .notFinite }
    guard let low = values.min(), let high = values.max() else { return .constant }
    // Halves, since the difference of two large numbers may be infinite.
    return high / 2 - low / 2 > max(abs(low), abs(high)) / 2 * scalarType.mapTolerance ? .defined : .constant
  }

  /// The smallest and the largest element; nil unless the map is defined.
  public var range: (low: Double, high: Double)? {
    guard mapState == .defined else { return nil }
    let values = doubles
    return (values.min() ?? 0, values.max() ?? 0)
  }
}
