import TestSupport
import Testing

@testable import Tensors

/// Tests that float32 stays accurate at every scale of the operands.
@Suite("Scales") struct ScaleTests {
  /// The powers of ten by which operands are multiplied.
  static let exponents = [-12, -9, -6, -3, 0, 3, 6, 9, 12]

  @Test(
    "values, first and second derivatives in float32 are accurate at every scale of every operand",
    arguments: OperationCase.all)
  func operations(_ operation: OperationCase) {
    // The index of the scaled operand; nil for all of them.
    for operand in [Int?.none] + operation.inputs.indices.map({ $0 }) {
      let usual = errors(operation, operand, scale: 1)
      for exponent in Self.exponents {
        let scale = Self.power(exponent)
        for (result, (error, limit)) in zip(errors(operation, operand, scale: scale), usual).enumerated() {
          guard let error, let limit else { continue }
          #expect(error <= 10 * limit + 1e-5, "operand \(operand ?? -1), scale 1e\(exponent), result \(result)")
        }
      }
    }
  }

  private static func power(_ exponent: Int) -> Double {
    (0..<abs(exponent)).reduce(1.0) { power, _ in exponent < 0 ? power / 10 : power * 10 }
  }

  /// The relative errors of float32 compared with float64, of the value, its derivatives and their derivatives; nil if
  /// float32 cannot represent the result.
  private func errors(_ operation: OperationCase, _ operand: Int?, scale: Double) -> [Double?] {
    let inputs = operation.inputs.enumerated().map { index, input in
      (operand ?? index == index ? input * scale : input).converted(to: .float32)
    }
    let (single, double) = (results(operation, inputs), results(operation, inputs.map { $0.converted(to: .float64) }))
    return zip(single, double).map { single, double in
      let largest = double.abs.reshaped([-1]).maximum().item
      guard largest > 1e-30 && largest < 1e36 else { return nil }
      return relativeError(single.converted(to: .float64), double)
    }
  }

  private func results(_ operation: OperationCase, _ inputs: [Tensor]) -> [Tensor] {
    var random = RandomSource(seed: 11, purpose: operation.name)
    func some(like x: Tensor) -> Tensor {
      .uniform(x.shape, from: 0.5, to: 1.5, .float64, using: &random).converted(to: x.scalarType)
    }
    let variables = inputs.map { $0.tracked() }
    let value = operation.function(variables)
    let derivatives = gradients(of: value, withRespectTo: variables, cotangents: some(like: value), createGraph: true)
    let curvatures = gradients(
      of: derivatives, withRespectTo: variables, cotangents: derivatives.map { some(like: $0) })
    // The second derivative of the sigmoid has a root at 0, near which no implementation has a small relative error.
    return [value] + derivatives + (operation.name == "sigmoid" ? [] : curvatures)
  }
}
