import Foundation

/// A seeded source of random numbers (SplitMix64; Steele, Lea and Flood, OOPSLA 2014): a value with 64 bits of state.
///
/// Randomness is explicit: whatever draws numbers is handed a source, and each purpose (initialization, order,
/// augmentation, …) has one of its own, so that a change in one leaves the others as they were.
public struct RandomSource: RandomNumberGenerator, Sendable, Codable, Equatable {
  /// Everything there is to save and restore.
  public var state: UInt64

  /// The source in a state that was saved.
  public init(state: UInt64) { self.state = state }

  /// The source for one purpose under a seed, with further numbers (an epoch, an image's index) to tell draws apart.
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

  /// Uniform in [0, 1).
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Standard normal (Box and Muller 1958; one of the pair).
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }
}

extension Tensor {
  /// Independent normal numbers with mean 0.
  public static func normal(
    _ shape: [Int], std: Double = 1, _ type: ScalarType = .float32, using source: inout RandomSource
  ) -> Tensor {
    Kernels.fill(shape, type) { source.normal() * std }
  }

  /// Independent numbers, uniform in [low, high).
  public static func uniform(
    _ shape: [Int], from low: Double, to high: Double, _ type: ScalarType = .float32, using source: inout RandomSource
  ) -> Tensor {
    Kernels.fill(shape, type) { low + (high - low) * source.uniform() }
  }
}
