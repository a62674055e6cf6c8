import MetasalKit
import Testing

@Suite("The method positive_contribution") struct PositiveContributionTests {
  @Test("its map is the formula's, element by element")
  func formula() throws {
    let network = Architecture.plain.network(classes: 4, seed: 1).converted(to: .float64)
    var random = RandomSource(seed: 1, purpose: "images")
    let image = Tensor.normal([1, 16, 16, 3], .float64, using: &random)
    let layer = "features.5"
    let inference = Inference(network, image, capturing: [layer])
    let map = inference.maps(Method(PositiveContribution()), of: [2], at: [layer])[0]

    let activation = try #require(inference.output.activations[layer])
    let logit = inference.output.logits.takenAlongLastAxis([2])
    let gradient = gradients(of: logit, withRespectTo: [activation])[0].doubles
    let products = zip(activation.doubles, gradient).map { max(0, $0 * $1) }
    let channels = activation.shape[3]
    let expected = stride(from: 0, to: products.count, by: channels).map { products[$0..<($0 + channels)].reduce(0, +) }
    #expect(map.shape == Array(activation.shape.dropLast()))
    #expect(zip(map.doubles, expected).allSatisfy { abs($0 - $1) < 1e-12 } && expected.contains { $0 > 0 })
  }
}
