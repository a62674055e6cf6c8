import Foundation
import Tensors
import Testing

/// A softplus, log(1 + exp(x)), written with the public interface only.
private func softplus(_ x: Tensor) -> Tensor {
  let values = x.doubles.map { log(1 + exp($0)) }
  return .operation(
    "softplus", [x], keep: .operands, value: Tensor(values, shape: x.shape).converted(to: x.scalarType)
  ) { cotangent, saved in [saved.ifNeeded(0) { cotangent * saved[0].sigmoid }] }
}

/// The softsign x / (1 + |x|) with its own rule: under guided backprop, negative cotangents do not pass.
private func softsign(_ x: Tensor) -> Tensor {
  let values = x.doubles.map { $0 / (1 + abs($0)) }
  return .operation(
    "softsign", [x], keep: .both, value: Tensor(values, shape: x.shape).converted(to: x.scalarType)
  ) { cotangent, saved in
    let cotangent = saved.rule == .guided ? cotangent.relu : cotangent
    let remainder = 1 - saved.output.abs
    return [cotangent * remainder * remainder]
  }
}

/// x ⊙ y, of two operands.
private func product(_ x: Tensor, _ y: Tensor) -> Tensor {
  .operation("own product", [x, y], keep: .operands, value: x.detached() * y.detached()) { cotangent, saved in
    [saved.ifNeeded(0) { cotangent * saved[1] }, saved.ifNeeded(1) { cotangent * saved[0] }]
  }
}

@Suite("Custom operations") struct OwnOperationTests {
  private static let cases = [
    OperationCase("softplus", [[3, 5]]) { softplus($0[0]) },
    OperationCase("softsign", [[3, 5]]) { softsign($0[0]) },
    OperationCase("own product", [[7], [7]]) { product($0[0], $0[1]) },
    OperationCase("own operations, one in the other", [[2, 4], [2, 4]]) { softplus(product(softsign($0[0]), $0[1])) },
  ]

  @Test("their derivatives agree with central differences to third order", arguments: cases)
  func derivatives(_ operation: OperationCase) {
    var check = DerivativeCheck()
    check.steps = [1e-5, 1e-6]
    #expect(check.failure(of: operation.function, at: operation.inputs) == nil)
  }

  @Test("under every rule their pullbacks agree with central differences, to second order", arguments: cases)
  func rules(_ operation: OperationCase) {
    var random = RandomSource(seed: 5, purpose: operation.name)
    let response = operation.function(operation.inputs)
    let cotangent = Tensor.uniform(response.shape, from: -1, to: 1, .float64, using: &random)
    for rule in BackwardRule.allCases {
      var check = DerivativeCheck()
      check.order = 2
      check.steps = [1e-5, 1e-6, 1e-7]
      #expect(check.failure(of: operation.pullback(rule), at: operation.inputs + [cotangent]) == nil, "\(rule)")
    }
  }

  @Test("only the rule that an operation uses changes its derivative")
  func ownRule() {
    let (x, g) = (Tensor([0.5, -0.5]).tracked(), Tensor([-1.0, 2.0]))
    func derivative(_ rule: BackwardRule) -> [Double] {
      gradients(of: softsign(x), withRespectTo: [x], cotangents: g, rule: rule)[0].doubles
    }
    #expect(derivative(.guided)[0] == 0 && derivative(.guided)[1] > 0)
    #expect(derivative(.excitation) == derivative(.derivative) && derivative(.derivative)[0] < 0)
  }
}
