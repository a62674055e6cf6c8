import Components
import Networks
import Tensors

/// Limits each element of the gradients to at most a number, positive or negative, as PyTorch's `clip_grad_value_`.
public struct ClipValue: GradientClipping, Equatable {
  public let name = "value"
  /// The largest absolute value.
  public var limit: Double

  /// Clipping of every element.
  public init(_ limit: Double = 1) { self.limit = limit }

  public mutating func visit(_ keys: Keys) { keys("limit", &limit, .limit) }

  /// The number alone is accepted in place of a section: `value: 0.5`.
  public static var shorthand: Codec<Self>? { Codec<Double>.limit.standing(for: { ClipValue($0) }, \.limit) }

  public func clipped(_ gradients: [Tensor], of network: Network) -> [Tensor] {
    // min(max(g, −c), c), as the difference of two ReLUs.
    gradients.map { gradient in
      let gradient = gradient.detached()
      return (gradient + limit).relu - (gradient - limit).relu - limit
    }
  }
}
