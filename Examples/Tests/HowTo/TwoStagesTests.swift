import MetasalKit
import Testing

@Suite("The network two_stages") struct TwoStagesTests {
  @Test("its parameters have the names of PyTorch's state dictionary, and its layers can be explained")
  func names() {
    let network = Architecture.twoStages.network(classes: 5)
    #expect(network.parameterNames.prefix(3) == ["features.0.weight", "features.1.weight", "features.1.bias"])
    #expect(network.parameterNames.suffix(2) == ["head.weight", "head.bias"])
    #expect(network.layerNames().contains("features.5"))
    let output = network(.ones([2, 12, 12, 3]), capturing: ["features.5"])
    #expect(output.logits.shape == [2, 5] && output.activations["features.5"]?.shape == [2, 6, 6, 16])
  }
}
