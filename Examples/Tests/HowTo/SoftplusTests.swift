import MetasalKit
import Testing

@Suite("The operation softplus") struct SoftplusTests {
  @Test("its derivatives of first to third order agree with central differences")
  func derivatives() {
    // The derivative of each order is the sum over elements of the one before, differentiated.
    func derivative(_ order: Int, at x: Tensor) -> Tensor {
      let x = x.tracked()
      return (0..<order).reduce(x.softplus) { value, _ in
        gradients(of: value, withRespectTo: [x], createGraph: true)[0]
      }.detached()
    }
    let (x, h) = (Tensor([-20, -1.5, 0, 0.3, 2, 30]), 1e-5)
    for order in 1...3 {
      let difference = (derivative(order - 1, at: x + h) - derivative(order - 1, at: x - h)) / (2 * h)
      let error = (derivative(order, at: x) - difference).abs.doubles.max() ?? 1
      #expect(error < 1e-8, "order \(order)")
    }
  }
}
