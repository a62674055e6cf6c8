import Components
import Networks
import Tensors

/// Scales all gradients so that their total L2 norm is at most a limit, as PyTorch's `clip_grad_norm_` (Pascanu et al.
/// 2013), which also adds 1e-6 to the norm.
public struct ClipNorm: GradientClipping, Equatable {
  public let name = "norm"
  /// The limit.
  public var limit: Double

  /// Clipping to a total norm.
  public init(_ limit: Double = 1) { self.limit = limit }

  public mutating func visit(_ keys: Keys) { keys("limit", &limit, .limit) }

  /// The number alone is accepted in place of a section: `norm: 5`.
  public static var shorthand: Codec<Self>? { Codec<Double>.limit.standing(for: { ClipNorm($0) }, \.limit) }

  public func clipped(_ gradients: [Tensor], of network: Network) -> [Tensor] {
    let factor = limit / (totalNorm(gradients) + 1e-6)
    return factor < 1 ? gradients.map { $0 * factor } : gradients
  }
}
