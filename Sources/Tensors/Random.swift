import Foundation

/// A seeded random number generator (SplitMix64; Steele, Lea and Flood, OOPSLA 2014) with a state of 64 bits.
///
/// Randomness is explicit: every function that draws numbers receives a source. Each purpose (initialization, order,
/// augmentation, …) has its own source, so that a change in one purpose does not affect the others.
public struct RandomSource: RandomNumberGenerator, Sendable, Codable, Equatable {
  /// The whole state, for saving and restoring.
  public var state: UInt64

  /// Creates a source from a saved state.
  public init(state: UInt64) { self.state = state }

  /// Creates the source of one purpose from a seed. Further numbers (an epoch, an image's index) distinguish the draws
  /// of this purpose.
  public init(seed: UInt64, purpose: String, _ numbers: Int...) {
    state = seed
    for byte in purpose.utf8 { state = (state ^ UInt64(byte)) &* 0x100_0000_01b3 }
    for number in numbers { state = Self.mixed(state &+ 0x9e37_79b9_7f4a_7c15) ^ UInt64(bitPattern: Int64(number)) }
    state = Self.mixed(state)
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return Self.mixed(state)
  }

  private static func mixed(_ x: UInt64) -> UInt64 {
    var z = x
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// Draws a uniform number in [0, 1).
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Draws a standard normal number (Box and Muller 1958; only one number of the pair is used).
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }
}

extension Tensor {
  /// Draws independent normal numbers with mean 0.
  public static func normal(
    _ shape: [Int], std: Double = 1, _ type: ScalarType = .float32, using source: inout RandomSource
  ) -> Tensor {
    Kernels.fill(shape, type) { source.normal() * std }
  }

  /// Draws independent uniform numbers in [low, high).
  public static func uniform(
    _ shape: [Int], from low: Double, to high: Double, _ type: ScalarType = .float32, using source: inout RandomSource
  ) -> Tensor {
    Kernels.fill(shape, type) { low + (high - low) * source.uniform() }
  }
}
