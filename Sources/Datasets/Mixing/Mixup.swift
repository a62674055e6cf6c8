import Components
import Tensors

/// Mixup: λ times the image plus 1 − λ times another, with λ drawn from Beta(α, α) once per batch (Zhang et al. 2018).
public struct Mixup: Mixing, Equatable {
  public let name = "mixup"
  /// α of the Beta distribution.
  public var alpha: Double

  /// Mixup with shares drawn from Beta(α, α).
  public init(_ alpha: Double = 0.2) { self.alpha = alpha }

  public mutating func visit(_ keys: Keys) { keys("alpha", &alpha, .alpha) }

  /// The number alone is accepted in place of a section: `mixup: 0.2`.
  public static var shorthand: Codec<Self>? { Codec<Double>.alpha.standing(for: { Mixup($0) }, \.alpha) }

  public func mixed(
    _ images: Tensor, with others: Tensor, using random: inout RandomSource
  ) -> (images: Tensor, share: Double) {
    let own = random.beta(alpha)
    return (images * own + others * (1 - own), own)
  }
}
