import Networks
import Saliency
import Tensors
import TestSupport
import Testing

@testable import Learning

@Suite("Meta steps whose task loss leaves out something at random") struct DroppingStepTests {
  private static let network: Network = {
    let layers = "sequential: conv 8; gelu; dropout 30; conv 8 stride 2; silu; global_average_pool; dropout 50; linear"
    guard let architecture = Architecture(layers) else { preconditionFailure("no such network: \(layers)") }
    return architecture.network(classes: 4, seed: 5).converted(to: .float64)
  }()
  private static let images: Tensor = {
    var random = RandomSource(seed: 2, purpose: "images")
    return .normal([5, 12, 12, 3], .float64, using: &random)
  }()

  private static func outcome(
    _ dropping: Dropping, _ parameters: [Tensor] = network.parameters, workers: Int = 2,
    scope: InnerUpdate.Scope = .image
  ) throws -> MetaStep.Outcome {
    let step = MetaStep(
      inner: InnerUpdate(rate: 0.05, scope: scope), method: .normGrad, layers: ["1", "4"],
      objectives: [
        WeightedObjective(.crossEntropy, weight: 1),
        WeightedObjective(.classSensitivity(ClassSensitivity(at: [.plain, .virtual], against: .second)), weight: 2),
      ], dropping: dropping)
    var random = RandomSource(seed: 0, purpose: "test")
    return try step(
      network.with(parameters: parameters), images, labels: [0, 3, 1, 2, 2], workers: workers, random: &random)
  }

  @Test("the task loss changes, and maps with their virtual updates do not", arguments: InnerUpdate.Scope.allCases)
  func task(_ scope: InnerUpdate.Scope) throws {
    let (plain, dropped) = (
      try Self.outcome(Dropping(), scope: scope), try Self.outcome(Dropping(dropout: .standard), scope: scope)
    )
    #expect(plain.values[0] != dropped.values[0])
    #expect(abs(try #require(plain.values[1]) - #require(dropped.values[1])) < 1e-12)
    #expect(dropped.statistics == nil)
  }

  @Test("the gradient agrees with central differences, and its bits do not depend on the number of workers")
  func gradient() throws {
    let dropping = Dropping(dropout: .fixed(0.4))
    let parameters = Self.network.parameters
    let outcome = try Self.outcome(dropping)
    var random = RandomSource(seed: 9, purpose: "direction")
    let direction = parameters.map { Tensor.normal($0.shape, .float64, using: &random) }
    let found = zip(outcome.gradients, direction).reduce(0) { $0 + ($1.0 * $1.1).sum().item }
    let values = try [1e-6, -1e-6].map { h in
      try Self.outcome(dropping, zip(parameters, direction).map { $0 + $1 * h }).total
    }
    #expect(abs(found - (values[0] - values[1]) / 2e-6) < 1e-6 * abs(found))
    for workers in [1, 3] {
      let other = try Self.outcome(dropping, workers: workers)
      #expect(other.gradients.map(\.doubles) == outcome.gradients.map(\.doubles))
    }
  }
}
