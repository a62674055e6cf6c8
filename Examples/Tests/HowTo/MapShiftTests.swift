import MetasalKit
import Testing

@Suite("The objective map_shift") struct MapShiftTests {
  @Test("its outer gradient agrees with central differences", arguments: InnerUpdate.Scope.allCases)
  func gradient(_ scope: InnerUpdate.Scope) throws {
    let network = Architecture.plain.network(classes: 4, seed: 3).converted(to: .float64)
    var source = RandomSource(seed: 2, purpose: "images")
    let images = Tensor.normal([3, 12, 12, 3], .float64, using: &source)
    let step = MetaStep(
      inner: InnerUpdate(rate: 0.02, scope: scope), method: .normGrad, layers: ["features.5"],
      objectives: [WeightedObjective(MapShift(), weight: 1)])
    func outcome(_ parameters: [Tensor]) throws -> MetaStep.Outcome {
      var random = RandomSource(seed: 0, purpose: "test")
      return try step(network.with(parameters: parameters), images, labels: [0, 3, 1], random: &random)
    }

    // Along the gradient g the value changes by h·‖g‖² for a small h.
    let parameters = network.parameters
    let gradient = try outcome(parameters).gradients
    let square = gradient.reduce(0) { $0 + $1.squared.sum().item }
    let h = 1e-6 / square.squareRoot()
    let values = try [h, -h].map { h in try outcome(zip(parameters, gradient).map { $0 + $1 * h }).total }
    #expect(square > 0 && abs((values[0] - values[1]) / (2 * h) / square - 1) < 1e-4)
  }
}
