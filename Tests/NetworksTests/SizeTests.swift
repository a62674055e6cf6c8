import Tensors
import Testing

@testable import Networks

@Suite("Sizes of networks") struct SizeTests {
  private static let described = [
    "conv 8 size 5 padding 2 stride 2 bias", "batch_norm", "relu", "max_pool 2", "conv 4 groups 2",
    "adaptive_average_pool 3",
    "flatten", "linear 7", "linear",
  ]

  @Test(
    "parameters are counted without a network of full size", arguments: [Architecture.plain, .squeezenet1_1, .resnet20])
  func parameters(_ architecture: Architecture) {
    let count = architecture.network(classes: 37, seed: nil).parameters.reduce(0) { $0 + $1.count }
    #expect(architecture.parameterCount(classes: 37) == Double(count))
  }

  @Test("a description gives the numbers of parameters and activations of its network")
  func described() throws {
    let architecture = try Architecture(layers: Self.described.map { try LayerDescription($0) })
    let network = architecture.network(classes: 5)
    #expect(architecture.parameterCount(classes: 5) == Double(network.parameters.reduce(0) { $0 + $1.count }))
    let names = Self.described.indices.map { String($0) }
    let shapes = network(.zeros([1, 33, 41, 3]), capturing: Array(names.dropLast(2))).activations.mapValues(\.count)
    // The last layer's number of features is that of the classes, which a description does not know.
    #expect(network.activationCount(height: 33, width: 41) == Double(shapes.values.reduce(0, +) + 7 + 1))
  }

  @Test("the number of activations of a large image is computed from a small one")
  func activations() {
    let network = Architecture.resnet18.network(seed: nil)
    let (small, large) = (
      network.activationCount(height: 64, width: 64), network.activationCount(height: 224, width: 448)
    )
    let trace = network.trace(height: 224, width: 448).steps.reduce(0.0) { $0 + Double($1.shape.reduce(1, *)) }
    #expect(small > 0 && abs(large / trace - 1) < 0.05)
  }
}
