import Tensors
import TestSupport
import Testing

@testable import Networks

@Suite("Layer descriptions") struct LayerDescriptionTests {
  private func architecture(_ texts: [String]) throws -> Architecture {
    try Architecture(layers: texts.map { try LayerDescription($0) })
  }

  @Test("layers have PyTorch's names and shapes, and a label makes an equal network")
  func network() throws {
    let architecture = try architecture([
      "conv 8 size 5 stride 2 bias", "batch_norm", "silu", "conv 12 groups 4", "gelu", "max_pool 3 stride 2 padding 1",
      "average_pool 2", "relu6", "adaptive_average_pool 3", "flatten", "linear 7", "relu", "linear",
    ])
    let network = architecture.network(classes: 5)
    let expected: [(String, [Int])] = [
      ("0.weight", [8, 3, 5, 5]), ("0.bias", [8]), ("1.weight", [8]), ("1.bias", [8]), ("1.running_mean", [8]),
      ("1.running_var", [8]), ("3.weight", [12, 2, 3, 3]), ("10.weight", [7, 108]), ("10.bias", [7]),
      ("12.weight", [5, 7]), ("12.bias", [5]),
    ]
    #expect(network.stateDictionary.map(\.name) == expected.map(\.0))
    #expect(network.stateDictionary.map(\.value.shape) == expected.map(\.1))
    var random = RandomSource(seed: 1, purpose: "test")
    let images = Tensor.normal([2, 40, 33, 3], using: &random)
    let same = try #require(Architecture(architecture.label))
    #expect(same == architecture && same.network(classes: 5)(images).logits.floats == network(images).logits.floats)
    #expect(network.excitationObstacle(at: "1") != nil && architecture.smallestSide == 5)
    #expect(network(.zeros([1, 5, 5, 3])).logits.shape == [1, 5])
  }

  @Test("every named architecture is found by its name")
  func names() {
    for architecture in Architecture.zoo { #expect(Architecture(architecture.name) == architecture) }
    #expect(
      Architecture("resnet21") == nil && Architecture("sequential: conv") == nil && Architecture("sequential: ") == nil)
  }

  @Test(
    "descriptions that are malformed or do not fit each other are errors that state the reason and the layer",
    arguments: [
      ("convolution 3", "expected one of conv, linear", -1), ("conv", "a number has to follow conv", -1),
      ("conv 0", "from 1 to 65536", -1), ("conv 8 size", "a number has to follow size", -1),
      ("relu 6", "no option '6' of relu", -1),
      ("conv 8 groups 2; global_average_pool; linear", "groups do not divide", 0),
      ("linear 3; linear", "flatten or global_average_pool", 0),
      ("conv 8; flatten; linear", "adaptive_average_pool", 1),
      ("global_average_pool; conv 8; linear", "no locations left", 1),
      ("global_average_pool; linear; linear", "it needs a number", 1),
      ("global_average_pool; linear 8", "no number", 1),
      ("global_average_pool; relu", "the last layer has to be linear", -1),
      ("max_pool 2 padding 2; global_average_pool; linear", "more than half", 0),
      ("max_pool 60000; global_average_pool; linear", "no image is large enough", -1),
    ])
  func malformed(_ text: String, _ message: String, _ layer: Int) {
    let error = #expect(throws: LayerDescription.Malformed.self) {
      try architecture(text.split(separator: ";").map { String($0) })
    }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    #expect(error?.layer ?? -1 == layer)
  }
}
