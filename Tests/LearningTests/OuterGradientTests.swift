import Foundation
import Networks
import Saliency
import Tensors
import TestSupport
import Testing

@testable import Learning

/// Tests of outer gradients on a residual network, for every method and at every scale.
@Suite("Outer gradients") struct OuterGradientTests {
  /// A ResNet-20 in which some batch norms have negative scales. Their shifts are not 0; otherwise an image of zeros,
  /// which integrated gradients and RISE use, would lie on the kink of every ReLU.
  private static let network: Network = {
    let network = Architecture.resnet20.network(classes: 4, seed: 3).converted(to: .float64)
    var random = RandomSource(seed: 5, purpose: "norms")
    return network.with(
      parameters: zip(network.parameterNames, network.parameters).map { name, parameter in
        guard name.contains("bn") else { return parameter }
        let range = name.hasSuffix("weight") ? -0.4...1.4 : -0.3...0.3
        return .uniform(parameter.shape, from: range.lowerBound, to: range.upperBound, .float64, using: &random)
      })
  }()
  private static let images: Tensor = {
    var random = RandomSource(seed: 2, purpose: "images")
    return .normal([2, 12, 12, 3], .float64, using: &random)
  }()

  private static func step(
    _ name: String, at weights: [ClassSensitivity.Weights], _ inner: InnerUpdate?, _ similarity: Similarity = .pearson
  ) throws -> MetaStep {
    let method = try #require(Method(name))
    let (blocks, convolutions) = (["layer1.1", "layer2.0", "layer3.1"], ["layer1.1.conv2", "layer2.0.conv1"])
    let layers = [blocks, convolutions, ["input"]].first { layers in
      layers.allSatisfy { method.obstacle(at: $0, of: network) == nil }
    }
    return MetaStep(
      inner: inner, method: method, layers: try #require(layers),
      objectives: [
        WeightedObjective(
          .classSensitivity(ClassSensitivity(at: weights, against: .second, similarity: similarity)), weight: 1)
      ])
  }

  private static func outcome(_ step: MetaStep, _ network: Network, _ parameters: [Tensor]) throws -> MetaStep.Outcome {
    var random = RandomSource(seed: 0, purpose: "test")
    return try step(
      network.with(parameters: parameters), images.converted(to: network.scalarType), labels: [1, 3], workers: 2,
      random: &random)
  }

  private static func length(_ vector: [Tensor]) -> Double {
    vector.reduce(0) { hypot($0, $1.converted(to: .float64).reshaped([-1]).norm([0]).item) }
  }

  @Test(
    "the outer gradient of every method agrees with central differences, at plain and at virtual weights, recomputed or not",
    arguments: MetaStepTests.methodNames + ["guided/own_conv/norm", "deconvnet/scaling/sum"],
    InnerUpdate.Scope.allCases)
  func differences(_ name: String, _ scope: InnerUpdate.Scope) throws {
    var step = try Self.step(name, at: [.plain, .virtual], InnerUpdate(rate: 0.02, scope: scope))
    let parameters = Self.network.parameters
    let gradient = try Self.outcome(step, Self.network, parameters).gradients
    let length = Self.length(gradient)
    #expect(length > 1e-6)
    // The direction is mostly that of the gradient, where nothing cancels, with a small random part in every parameter.
    var random = RandomSource(seed: 9, purpose: "direction")
    let others = parameters.map { Tensor.normal($0.shape, .float64, using: &random) }
    let share = 1 / Self.length(others)
    let direction = zip(gradient, others).map { $0 * (1 / length) + $1 * share }
    let found = zip(gradient, direction).reduce(0) { $0 + ($1.0 * $1.1).sum().item }
    func value(_ h: Double) throws -> Double {
      try Self.outcome(step, Self.network, zip(parameters, direction).map { $0 + $1 * h }).total
    }
    // A large step may cross a kink, and a small one is dominated by rounding errors.
    var errors: [Double] = []
    for h in [1e-5, 1e-4, 1e-6, 1e-7] where errors.allSatisfy({ $0 >= 1e-6 }) {
      // The difference is of fourth order, because the loss is curved.
      let differences = try [h, 2 * h].map { try value($0) - value(-$0) }
      errors.append(abs(found - (8 * differences[0] - differences[1]) / (12 * h)) / abs(found))
    }
    #expect(try #require(errors.min()) < 1e-6, "\(found), relative errors \(errors)")

    step.recomputes = true
    let again = try Self.outcome(step, Self.network, parameters).gradients
    #expect(Self.length(zip(again, gradient).map { $0 - $1 }) < 1e-9 * length)
  }

  /// Compares float32 with float64 when the weights of the network's head are multiplied by powers of ten. For most
  /// methods this only multiplies the maps by a factor, which no similarity depends on.
  @Test(
    "the outer gradient in float32 has no larger error if the head's weights are very large or very small",
    arguments: MetaStepTests.methodNames, Similarity.allCases)
  func scales(_ name: String, _ similarity: Similarity) throws {
    let step = try Self.step(name, at: [.plain], nil, similarity)
    /// The difference is measured in units of the head's scale, because the gradient with respect to the head's weights
    /// grows as they shrink.
    func error(_ scale: Double) throws -> Double? {
      let network = Self.network
      let scales = network.parameterNames.map { $0.hasPrefix("linear") ? scale : 1 }
      let parameters = zip(network.parameters, scales).map { ($0 * $1).converted(to: .float32) }
      let both = try [ScalarType.float32, .float64].map { type in
        let gradient = try Self.outcome(
          step, network.converted(to: type), parameters.map { $0.converted(to: type) }
        ).gradients
        return zip(gradient, scales).map { $0.converted(to: .float64) * $1 }
      }
      let size = Self.length(both[1])
      // If a probability is 0 or 1 in all digits, its gradient is 0.
      return size > 1e-20 ? Self.length(zip(both[0], both[1]).map { $0 - $1 }) / size : nil
    }
    // The gradient is 0 if the maps of both classes do not overlap; there is nothing to compare then.
    guard let usual = try error(1) else { return }
    #expect(usual < 2e-3)
    // For a small head all of RISE's probabilities are nearly equal, and for a large head Grad-CAM++'s weights are one
    // over the activations' sum for every class. The remaining gradient consists of differences that float32 cannot
    // represent.
    let exponents = [-12, -8, -4, 4, 8, 10, 12].filter {
      !(name.hasPrefix("rise") && $0 < 0) && !(name == "grad_cam++" && $0 > 0)
    }
    for exponent in exponents {
      guard let found = try error(pow(10, Double(exponent))) else { continue }
      #expect(found < 10 * usual + 1e-5, "1e\(exponent): \(found) for \(usual)")
    }
  }

  @Test(
    "a class whose head weights are zeros has a contrastive map of zeros and a finite outer gradient",
    arguments: ScalarType.allCases, [0.0025, 0.1])
  func zeroRow(_ type: ScalarType, _ rate: Double) throws {
    let network = Self.network
    let parameters = zip(network.parameterNames, network.parameters).map { name, parameter in
      guard name == "linear.weight" else { return parameter }
      let rows = (0..<4).map { Tensor(repeating: $0 == 1 ? 0 : 1, shape: [1, 1], .float64) }
      return parameter * .concatenated(rows, axis: 0)
    }
    let maps = Inference(network.with(parameters: parameters), Self.images, capturing: ["layer2.0"])
      .maps(.contrastiveExcitation, of: [1, 1], at: ["layer2.0"])
    #expect(maps[0].abs.sum().item == 0)
    let step = try Self.step("contrastive_excitation_backprop", at: [.plain, .virtual], InnerUpdate(rate: rate))
    let both = try [type, .float64].map { type in
      try Self.outcome(step, network.converted(to: type), parameters.map { $0.converted(to: type) }).gradients
        .map { $0.converted(to: .float64) }
    }
    #expect(both[0].allSatisfy { $0.isFinite })
    #expect(Self.length(zip(both[0], both[1]).map { $0 - $1 }) < 1e-2 * Self.length(both[1]))
  }
}
