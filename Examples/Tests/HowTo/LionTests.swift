import MetasalKit
import Testing

@Suite("The optimizer lion") struct LionTests {
  @Test("three steps are those of the formula, and the memory is saved and given back")
  func steps() throws {
    let optimizer = Lion(betas: [0.5, 0.75], weightDecay: 0.1)
    var (parameters, state) = ([Tensor([1.0, -2.0])], OptimizerState())
    var (x, m) = ([1.0, -2.0], [0.0, 0.0])
    for gradient in [[1.0, 1.0], [-0.5, -3.0], [0.25, 0.0]] {
      parameters = optimizer.update(parameters, [Tensor(gradient)], rates: [0.1], state: &state)
      for i in x.indices {
        let mean = 0.5 * m[i] + 0.5 * gradient[i]
        x[i] -= 0.1 * ((mean > 0 ? 1 : mean < 0 ? -1 : 0) + 0.1 * x[i])
        m[i] = 0.75 * m[i] + 0.25 * gradient[i]
      }
      #expect(zip(parameters[0].doubles, x).allSatisfy { abs($0 - $1) < 1e-12 })
      state = try #require(optimizer.adopting(state))
    }
    #expect(state.updates == 3 && SGD().adopting(state) == nil)
  }
}
