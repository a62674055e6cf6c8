import Foundation
import MetasalKit

extension Tensor {
  /// log(1 + exp(x)) for each element. Its derivative is the sigmoid function.
  var softplus: Tensor {
    let values = doubles.map { max($0, 0) + log1p(Foundation.exp(-Swift.abs($0))) }
    return .operation(
      "softplus", [self], keep: .operands, value: Tensor(values, shape: shape).converted(to: scalarType)
    ) { cotangent, saved in [saved.ifNeeded(0) { cotangent * saved[0].sigmoid }] }
  }
}
