import Components
import Foundation
import Networks
import Saliency
import Tensors

/// Adaptive gradient clipping (Brock et al. 2021, "High-Performance Large-Scale Image Recognition Without Normalization",
/// section 4.1): the gradient of each unit, such as the kernel of one output channel, is scaled so that its L2 norm is at
/// most a share of the unit's own norm. A vector, such as a bias, is one unit.
public struct ClipAdaptive: GradientClipping, Equatable {
  public let name = "adaptive"
  /// The largest ratio λ of both norms.
  public var ratio: Double
  /// The smallest norm that a unit counts as having, so that parameters that are 0 can move.
  public var epsilon: Double
  /// Patterns of the names of the parameters whose gradients stay as they are; the paper leaves out the last layer.
  public var exclude: [String]

  /// Clipping with the paper's settings.
  public init(_ ratio: Double = 0.01, epsilon: Double = 1e-3, exclude: [String] = []) {
    (self.ratio, self.epsilon, self.exclude) = (ratio, epsilon, exclude)
  }

  public mutating func visit(_ keys: Keys) {
    keys("ratio", &ratio, .limit)
    keys("epsilon", &epsilon, .limit)
    keys("exclude", &exclude, .list(.word))
  }

  public func clipped(_ gradients: [Tensor], of network: Network) -> [Tensor] {
    let parameters = network.state.filter(\.kind.isParameter)
    return zip(parameters, gradients).map { parameter, gradient in
      guard !exclude.contains(where: { parameter.name.matches(pattern: $0) }) else { return gradient }
      let gradient = gradient.detached()
      // The axis of the units: a kernel has its output channels last, a matrix its rows first.
      let axes = gradient.rank <= 1 ? [] : parameter.kind == .kernel ? [gradient.rank - 1] : [0]
      func norms(_ tensor: Tensor) -> Tensor {
        tensor.norm((0..<tensor.rank).filter { !axes.contains($0) }, keepDims: true)
      }
      let limits = norms(parameter.value.detached()).doubles.map { max($0, epsilon) * ratio }
      let sizes = norms(gradient)
      let factors = zip(limits, sizes.doubles).map { $1 > $0 ? $0 / max($1, 1e-6) : 1 }
      return gradient * Tensor(factors, shape: sizes.shape).converted(to: gradient.scalarType)
    }
  }
}
