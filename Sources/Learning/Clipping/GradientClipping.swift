import Components
import Foundation
import Networks
import Tensors

/// A way of limiting gradients before the optimizer uses them.
///
/// To add one, write one file with a conforming type and register an instance:
///
///     Registries.clippings.register(Centralized())
public protocol GradientClipping: Component {
  /// Limits the gradients of one update.
  ///
  /// - Parameters:
  ///   - gradients: the gradients, one per parameter, in the network's order.
  ///   - network: the network at which they were computed.
  /// - Returns: the limited gradients, in the same order.
  func clipped(_ gradients: [Tensor], of network: Network) -> [Tensor]
}

extension Registries {
  /// The ways of limiting gradients that recipes can name.
  public static let clippings = Registry<any GradientClipping>(
    "gradient clipping", [ClipNorm(), ClipValue(), ClipAdaptive()])
}

/// The L2 norm of all gradients together, as if they were one vector.
public func totalNorm(_ gradients: [Tensor]) -> Double {
  gradients.reduce(0.0) { hypot($0, $1.detached().reshaped([-1]).norm([0]).item) }
}

extension Codec<Double> {
  /// The codec of a limit on gradients.
  static var limit: Codec { number(1e-12...1e12) }
}
