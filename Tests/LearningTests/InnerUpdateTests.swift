import Networks
import Saliency
import Tensors
import TestSupport
import Testing

@testable import Learning

@Suite("Inner updates with momentum, proximal terms and learned rates, and their orders") struct InnerUpdateTests {
  private static let network = Architecture.plain.network(classes: 4, seed: 3).converted(to: .float64)
  /// A network without kinks. At a ReLU's kink a difference finds curvature that the derivative, by its rules, does not have.
  private static let smooth: Network = {
    let layers = "sequential: conv 8; gelu; conv 12 stride 2; silu; conv 8 bias; silu; global_average_pool; linear"
    guard let architecture = Architecture(layers) else { preconditionFailure("no such network: \(layers)") }
    return architecture.network(classes: 4, seed: 5).converted(to: .float64)
  }()
  private static let smoothLayers = ["1", "3"]
  private static let images: Tensor = {
    var random = RandomSource(seed: 2, purpose: "images")
    return .normal([3, 12, 12, 3], .float64, using: &random)
  }()

  private static func step(
    _ inner: InnerUpdate, at: [ClassSensitivity.Weights] = [.plain, .virtual],
    layers: [String] = ["features.5", "features.8"]
  ) -> MetaStep {
    MetaStep(
      inner: inner, method: .normGrad, layers: layers,
      objectives: [
        WeightedObjective(.crossEntropy, weight: 0.7),
        WeightedObjective(.classSensitivity(ClassSensitivity(at: at, against: .second)), weight: 2),
      ])
  }

  private static func outcome(_ step: MetaStep, _ network: Network = network, workers: Int = 2) throws
    -> MetaStep.Outcome
  {
    var random = RandomSource(seed: 0, purpose: "test")
    return try step(
      network, images.converted(to: network.scalarType), labels: [0, 3, 1], workers: workers, random: &random)
  }

  private static func length(_ vector: [Tensor]) -> Double {
    vector.reduce(0) { $0 + $1.converted(to: .float64).squared.sum().item }.squareRoot()
  }

  private static func difference(_ a: [Tensor], _ b: [Tensor]) -> Double {
    length(zip(a, b).map { $0.converted(to: .float64) - $1.converted(to: .float64) }) / length(b)
  }

  /// Factors that differ from 1 and from each other.
  private static func factors(_ grain: InnerUpdate.LearnedRates.Grain, for network: Network = network) -> [Tensor] {
    var random = RandomSource(seed: 7, purpose: "factors")
    return InnerUpdate.LearnedRates(grain).factors(for: network).map {
      .uniform($0.shape, from: 0.5, to: 1.5, .float64, using: &random)
    }
  }

  /// A kind of update whose gradient is exact.
  enum Kind: CaseIterable {
    case momentum, proximal, ratesByLayer, ratesByParameter, everything, everythingOfSome
  }

  private static func update(
    _ kind: Kind, _ scope: InnerUpdate.Scope, of network: Network = network
  ) -> (InnerUpdate, rateFactors: [Tensor]) {
    var inner = InnerUpdate(rate: 0.05, steps: 3, scope: scope)
    if kind == .momentum { inner.momentum = 0.8 }
    if kind == .proximal { inner.proximal = 3 }
    if kind == .ratesByLayer { inner.learnedRates = .init(.layer) }
    if kind == .ratesByParameter { inner.learnedRates = .init(.parameter) }
    if [.everything, .everythingOfSome].contains(kind) {
      (inner.momentum, inner.proximal, inner.learnedRates) = (0.8, 3, .init(.parameter))
      inner.direction = .away
    }
    if kind == .everythingOfSome { inner.parameters = Array(network.parameterNames.dropFirst(1)) }
    return (inner, inner.learnedRates.map { factors($0.grain, for: network) } ?? [])
  }

  @Test(
    "the outer gradient agrees with central differences, and so does that of learned rates", arguments: Kind.allCases,
    InnerUpdate.Scope.allCases)
  func differences(_ kind: Kind, _ scope: InnerUpdate.Scope) throws {
    let (inner, factors) = Self.update(kind, scope)
    let step = Self.step(inner)
    func moved(_ directions: [Tensor], _ h: Double) -> Network {
      var network = Self.network
      let count = network.parameters.count
      network = network.with(parameters: zip(network.parameters, directions).map { $0 + $1 * h })
      network.rateFactors = zip(factors, directions.dropFirst(count)).map { $0 + $1 * h }
      return network
    }
    var random = RandomSource(seed: 9, purpose: "direction")
    let parameters = Self.network.parameters.map { Tensor.normal($0.shape, .float64, using: &random) }
    let rates = factors.map { Tensor.normal($0.shape, .float64, using: &random) }
    // The rates' part of the gradient is small, so that it has a direction of its own.
    let directions =
      [parameters + rates.map { $0 * 0 }] + (rates.isEmpty ? [] : [parameters.map { $0 * 0 } + rates.map { $0 * 10 }])
    for direction in directions {
      let outcome = try Self.outcome(step, moved(direction, 0))
      let gradients = outcome.gradients + outcome.factorGradients
      #expect(gradients.count == direction.count)
      let found = zip(gradients, direction).reduce(0) { $0 + ($1.0 * $1.1).sum().item }
      #expect(abs(found) > 1e-4)
      let errors = try [1e-6, 1e-7, 1e-5, 1e-8].map { h in
        let values = try [h, -h].map { try Self.outcome(step, moved(direction, $0)).total }
        return abs(found - (values[0] - values[1]) / (2 * h)) / abs(found)
      }
      #expect(try #require(errors.min()) < 1e-5, "\(found), relative errors \(errors)")
    }
  }

  @Test("an update without momentum, proximal term and learned rates is the sum of its displacements, bit for bit")
  func plainSteps() {
    var weights = VirtualWeights(InnerUpdate(rate: 0.1, steps: 2), of: Self.network)
    let move = Self.network.parameters.map { Optional($0 * 0.01) }
    weights.move(by: move)
    weights.move(by: move)
    for (value, parameter) in zip(weights.values, Self.network.parameters) {
      #expect(value.doubles == (parameter + parameter * 0.01 + parameter * 0.01).doubles)
    }
  }

  @Test("momentum, the proximal term and learned rates move weights as their formulas say")
  func formulas() {
    var network = Self.network
    network.rateFactors = network.parameters.map { _ in Tensor([0.5]) }
    let inner = InnerUpdate(rate: 0.1, steps: 2, momentum: 0.9, proximal: 2, learnedRates: .init(.layer))
    var weights = VirtualWeights(inner, of: network)
    let ones = network.parameters.map { Tensor(repeating: 1, shape: $0.shape, .float64) }
    weights.move(by: ones.map { $0 })  // v = 1, φ = θ + 1/2
    weights.move(by: ones.map { $0 })  // v = 0.9 + 1 − 0.1 · 2 · 1/2 = 1.8, φ = θ + 1/2 + 0.9
    for (value, parameter) in zip(weights.values, network.parameters) {
      #expect(relativeError(value - parameter, Tensor(repeating: 1.4, shape: value.shape, .float64)) < 1e-12)
    }
  }

  @Test(
    "central differences of inner gradients give the gradient of exact order", arguments: InnerUpdate.Scope.allCases,
    [Kind.momentum, .ratesByLayer, .everythingOfSome])
  func finiteDifferences(_ scope: InnerUpdate.Scope, _ kind: Kind) throws {
    var network = Self.smooth
    var (inner, factors) = Self.update(kind, scope, of: network)
    network.rateFactors = factors
    func outcome(_ order: InnerUpdate.Order, _ type: ScalarType = .float64) throws -> MetaStep.Outcome {
      inner.order = order
      return try Self.outcome(Self.step(inner, at: [.virtual], layers: Self.smoothLayers), network.converted(to: type))
    }
    let (exact, first, found) = (try outcome(.exact), try outcome(.first), try outcome(.finiteDifferences))
    #expect(abs(found.total - exact.total) < 1e-12)
    #expect(Self.difference(found.gradients, exact.gradients) < 1e-5)
    #expect(Self.difference(first.gradients, exact.gradients) > 1e-2)
    if !factors.isEmpty {
      #expect(Self.difference(found.factorGradients, exact.factorGradients) < 1e-5)
    }
    let single = try outcome(.finiteDifferences, .float32)
    #expect(Self.difference(single.gradients, exact.gradients) < 1e-2)
  }

  @Test(
    "implicit gradients agree with exact order through so many steps that the minimum is reached",
    arguments: InnerUpdate.Scope.allCases, [nil, ["2.*", "7.*"]])
  func implicit(_ scope: InnerUpdate.Scope, _ parameters: [String]?) throws {
    var inner = InnerUpdate(rate: 0.05, steps: 60, scope: scope, parameters: parameters, proximal: 8)
    func outcome(_ order: InnerUpdate.Order) throws -> MetaStep.Outcome {
      inner.order = order
      return try Self.outcome(Self.step(inner, at: [.virtual], layers: Self.smoothLayers), Self.smooth)
    }
    let (exact, first) = (try outcome(.exact), try outcome(.first))
    inner.solverSteps = 40
    let found = try outcome(.implicit)
    #expect(found.values == exact.values)
    #expect(Self.difference(found.gradients, exact.gradients) < 1e-4)
    #expect(Self.difference(first.gradients, exact.gradients) > 1e-2)
    inner.solverSteps = 3
    let rough = try outcome(.implicit)
    #expect(Self.difference(rough.gradients, exact.gradients) > Self.difference(found.gradients, exact.gradients))
  }

  @Test("conjugate gradients solve each update's own system")
  func conjugateGradients() {
    // Two systems of two unknowns, [[2, 1], [1, 3]] and [[4, 0], [0, −1]]; the second has a direction of negative curvature.
    let b = UpdateVector(tensors: [Tensor([1.0, 2, 1, 0], shape: [2, 2])], updates: 2)
    let x = b.solved(steps: 5) { vector in
      let v = vector.tensors[0].doubles
      return UpdateVector(
        tensors: [Tensor([2 * v[0] + v[1], v[0] + 3 * v[1], 4 * v[2], -v[3]], shape: [2, 2])], updates: 2)
    }
    for (found, expected) in zip(x.tensors[0].doubles, [0.2, 0.6, 0.25, 0]) { #expect(abs(found - expected) < 1e-12) }
    let negative = UpdateVector(tensors: [Tensor([0.0, 3], shape: [1, 2])], updates: 1).solved(steps: 5) { $0 * [-2] }
    #expect(negative.tensors[0].doubles == [0, 3])
  }

  @Test(
    "the result of every order has the same bits for any number of workers", arguments: InnerUpdate.Scope.allCases,
    [InnerUpdate.Order.finiteDifferences, .implicit])
  func workers(_ scope: InnerUpdate.Scope, _ order: InnerUpdate.Order) throws {
    var network = Self.network
    var inner = InnerUpdate(rate: 0.05, steps: 2, scope: scope, order: order, proximal: 4)
    if order != .implicit {
      inner.learnedRates = .init(.layer)
      network.rateFactors = Self.factors(.layer)
    }
    let all = try [1, 2, 3].map { try Self.outcome(Self.step(inner), network, workers: $0) }
    for other in all.dropFirst() {
      #expect(other.gradients.map(\.doubles) == all[0].gradients.map(\.doubles))
      #expect(other.factorGradients.map(\.doubles) == all[0].factorGradients.map(\.doubles))
    }
  }
}
