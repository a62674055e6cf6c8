import Foundation

/// The type of a tensor's elements: `float32` for normal work, `float64` for derivative checks and reference values.
public enum ScalarType: String, Sendable, CaseIterable {
  /// IEEE 754 numbers of 32 and of 64 bits.
  case float32, float64

  /// Bytes per element.
  public var size: Int { self == .float32 ? 4 : 8 }
}

/// A Swift type that a tensor can hold: `Float` or `Double`.
public protocol Scalar: BinaryFloatingPoint, SIMDScalar, Codable, Sendable {
  /// The scalar type of this Swift type.
  static var type: ScalarType { get }
  /// e to the power x.
  static func exp(_ x: Self) -> Self
  /// The natural logarithm of x.
  static func log(_ x: Self) -> Self
  /// log(1 + x).
  static func log1p(_ x: Self) -> Self
  /// erf(x) = 2/√π ∫₀ˣ exp(−t²) dt.
  static func erf(_ x: Self) -> Self
}

extension Float: Scalar {
  public static var type: ScalarType { .float32 }
  public static func exp(_ x: Float) -> Float { Foundation.exp(x) }
  public static func log(_ x: Float) -> Float { Foundation.log(x) }
  public static func log1p(_ x: Float) -> Float { Foundation.log1p(x) }
  public static func erf(_ x: Float) -> Float { Foundation.erf(x) }
}

extension Double: Scalar {
  public static var type: ScalarType { .float64 }
  public static func exp(_ x: Double) -> Double { Foundation.exp(x) }
  public static func log(_ x: Double) -> Double { Foundation.log(x) }
  public static func log1p(_ x: Double) -> Double { Foundation.log1p(x) }
  public static func erf(_ x: Double) -> Double { Foundation.erf(x) }
}
