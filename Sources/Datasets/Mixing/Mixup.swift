import Components
import Tensors

/// λ of one image and 1 − λ of the other, λ drawn from Beta(α, α) for the batch (Zhang et al. 2018).
public struct Mixup: Mixing, Equatable {
  public let name = "mixup"
  /// α of the Beta distribution.
  public var alpha: Double

  /// Mixing by shares from Beta(α, α).
  public init(_ alpha: Double = 0.2) { self.alpha = alpha }

  public mutating func visit(_ keys: Keys) { keys("alpha", &alpha, .alpha) }

  /// `mixup: 0.2`
  public static var shorthand: Codec<Self>? { Codec<Double>.alpha.standing(for: { Mixup($0) }, \.alpha) }

  public func mixed(
    _ images: Tensor, with others: Tensor, using random: inout RandomSource
  ) -> (images: Tensor, share: Double) {
    let own = random.beta(alpha)
    return (images * own + others * (1 - own), own)
  }
}
