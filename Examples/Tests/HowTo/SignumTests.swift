import MetasalKit
import Testing

@Suite("The optimizer signum") struct SignumTests {
  @Test("three steps are those of the formula, and the memory is saved and given back")
  func steps() throws {
    let optimizer = Signum(momentum: 0.75, weightDecay: 0.1)
    var (parameters, state) = ([Tensor([1.0, -2.0])], OptimizerState())
    var (x, m) = ([1.0, -2.0], [0.0, 0.0])
    for gradient in [[1.0, 1.0], [-0.5, -3.0], [0.25, 0.0]] {
      parameters = optimizer.update(parameters, [Tensor(gradient)], updates: [.init(rate: 0.1)], state: &state)
      for i in x.indices {
        m[i] = 0.75 * m[i] + 0.25 * gradient[i]
        x[i] -= 0.1 * ((m[i] > 0 ? 1 : m[i] < 0 ? -1 : 0) + 0.1 * x[i])
      }
      #expect(zip(parameters[0].doubles, x).allSatisfy { abs($0 - $1) < 1e-12 })
      state = try #require(optimizer.adopting(state))
    }
    #expect(state.updates == 3 && SGD().adopting(state) == nil)
  }
}
