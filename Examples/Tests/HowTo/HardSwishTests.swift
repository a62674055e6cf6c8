import MetasalKit
import Testing

@Suite("The layer hard_swish") struct HardSwishTests {
  init() { HowTo.register() }

  @Test("a sequential network has it under its word, and it gives the formula's values")
  func layer() throws {
    let layers = try ["conv 4", "hard_swish", "global_average_pool", "linear"].map { try LayerDescription($0) }
    let network = try Architecture(layers: layers).network(classes: 3)
    var random = RandomSource(seed: 1, purpose: "images")
    let output = network(.normal([1, 8, 8, 3], using: &random), capturing: ["0", "1"])
    let (x, y) = (try #require(output.activations["0"]).doubles, try #require(output.activations["1"]).doubles)
    #expect(zip(x, y).allSatisfy { abs($0 * min(max($0 + 3, 0), 6) / 6 - $1) < 1e-6 })
  }
}
