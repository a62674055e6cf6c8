import Components

/// The exponential moving average of weights (Polyak and Juditsky 1992), as by PyTorch's `get_ema_multi_avg_fn`: it starts
/// with the weights after the first update, and each later update has a share of 1 − decay.
public struct ExponentialAverage: WeightAveraging, Equatable {
  public let name = "ema"
  /// The share of the average that an update keeps. About 1 / (1 − decay) updates count.
  public var decay: Double

  /// The moving average with a decay.
  public init(decay: Double = 0.999) { self.decay = decay }

  public mutating func visit(_ keys: Keys) { keys("decay", &decay, .decay) }

  /// The number alone is accepted in place of a section: `ema: 0.999`.
  public static var shorthand: Codec<Self>? { Codec<Double>.decay.standing(for: { Self(decay: $0) }, \.decay) }

  public func share(after count: Int, at position: RunPosition) -> Double? { count == 0 ? 1 : 1 - decay }
}
