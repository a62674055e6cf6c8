import Tensors

/// The state of a map, which decides whether measures of it are defined. All measures, tables and figures use it.
public enum MapState: String, Sendable, CaseIterable {
  /// All values are finite, and some differ by more than rounding.
  case defined
  /// All values are equal up to rounding, so that there is no ranking and no maximum.
  case constant = "constant map"
  /// Some value is infinite or not a number.
  case notFinite = "map not finite"

  /// The value of a measure of a map in this state; nil if the map is defined.
  var undefined: Score.Value? { self == .defined ? nil : .undefined(rawValue) }
}

extension ScalarType {
  /// The largest difference between two values of a map that rounding alone can cause, relative to the map's largest
  /// magnitude.
  ///
  /// A map is made of sums of K products through L layers, forwards and backwards. Their rounding errors add up like a
  /// random walk (Higham and Mary 2019, "A New Approach to Probabilistic Rounding Error Analysis"), to about √(2KL) ·
  /// ε/2 of the size of the terms. This is about 110 ε for twenty layers of 3×3 convolutions of 128 channels. The
  /// tolerance is a little more than twice that, 256 ε: 3e-5 in float32, 6e-14 in float64. In SqueezeNet's maps in
  /// float32, values that are zero in exact arithmetic were at most 2.7 ε.
  public var mapTolerance: Double {
    256 * (self == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne))
  }
}

extension Tensor {
  /// The state of this tensor as a map, of any shape.
  public var mapState: MapState {
    let values = doubles
    guard values.allSatisfy(\.isFinite) else { return .notFinite }
    guard let low = values.min(), let high = values.max() else { return .constant }
    // The values are halved, because the difference of two large numbers may be infinite.
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
