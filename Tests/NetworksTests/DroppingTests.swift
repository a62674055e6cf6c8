import Tensors
import TestSupport
import Testing

@testable import Networks

@Suite("Dropout and stochastic depth") struct DroppingTests {
  private static func images(_ count: Int, side: Int) -> Tensor {
    var random = RandomSource(seed: 2, purpose: "images")
    return .normal([count, side, side, 3], using: &random)
  }

  @Test(
    "are where torchvision's networks have them",
    arguments: [
      (Architecture.vgg11, true, false), (.vgg16_bn, true, false), (.alexnet, true, false),
      (.squeezenet1_0, true, false),
      (.squeezenet1_1, true, false), (.mobilenet_v2, true, false), (.efficientnet_b0, true, true),
      (.convnext_tiny, false, true), (.resnet18, false, false), (.resnet20, false, false), (.densenet121, false, false),
    ])
  func places(_ architecture: Architecture, _ dropout: Bool, _ stochasticDepth: Bool) {
    let places = architecture.network(classes: 2, seed: nil).dropPlaces
    #expect(places.dropout == dropout && places.stochasticDepth == stochasticDepth)
  }

  @Test(
    "an element is 0 with the rate's probability, and divided by what is left of 1 otherwise",
    arguments: [0.2, 0.5, 0.9])
  func elements(_ rate: Double) {
    let x = Tensor(repeating: 3, shape: [2, 100, 100, 1])
    let y = Dropping(draws: [5, 6]).dropped(x, rate, "a", wholeImages: false).doubles
    let kept = y.filter { $0 != 0 }
    #expect(kept.allSatisfy { abs($0 - 3 / (1 - rate)) < 1e-5 })
    #expect(abs(Double(kept.count) / 20_000 - (1 - rate)) < 0.02)
    #expect(Array(y.prefix(10_000)) != Array(y.suffix(10_000)))
    #expect(Dropping(draws: [5, 6]).dropped(x, rate, "b", wholeImages: false).doubles != y)
    #expect(Dropping(draws: [5, 6]).dropped(x, rate, "a", wholeImages: false).doubles == y)
  }

  @Test("stochastic depth leaves out whole images, block by block with a rising rate")
  func branches() {
    let draws = (0..<400).map { UInt64($0) }
    let x = Tensor(repeating: 1, shape: [400, 2, 2, 3])
    let y = Dropping(draws: draws).dropped(x, 0.25, "a", wholeImages: true)
    let images = (0..<400).map { Set(y.sliced(axis: 0, from: $0, length: 1).doubles) }
    #expect(images.allSatisfy { $0.count == 1 })
    #expect(abs(Double(images.count { $0 == [0] }) / 400 - 0.25) < 0.07)

    // A rate of almost 1 in the last block leaves out nearly all branches of late blocks and none of the first one.
    let network = Architecture.convnext_tiny.network(classes: 3, seed: 1)
    let layers = ["features.0", "features.1.0", "features.7.2"]
    let dropping = Dropping(stochasticDepth: .fixed(0.9999), draws: [1])
    let image = Self.images(1, side: 32)
    let (plain, dropped) = (
      network(image, capturing: layers), network(image, capturing: layers, dropping: dropping)
    )
    #expect(dropped.activations["features.1.0"]?.floats == plain.activations["features.1.0"]?.floats)
    #expect(dropped.activations["features.7.2"]?.floats != plain.activations["features.7.2"]?.floats)
  }

  @Test(
    "an image's output depends on its own draw alone, and is the same when activations are recomputed",
    arguments: [Architecture.squeezenet1_1, .efficientnet_b0, .mobilenet_v2])
  func images(_ architecture: Architecture) throws {
    let network = architecture.network(classes: 3, seed: 1)
    let images = Self.images(2, side: 64)
    let dropping = Dropping(dropout: .standard, stochasticDepth: .fixed(0.5), draws: [7, 8])
    func logits(_ network: Network, _ images: Tensor, _ dropping: Dropping?) -> Tensor {
      network(images, dropping: dropping).logits
    }
    let both = logits(network, images, dropping)
    let second = logits(network, images.sliced(axis: 0, from: 1, length: 1), dropping.drawing([8]))
    #expect(relativeError(both.sliced(axis: 0, from: 1, length: 1), second) < 1e-5)
    #expect(both.floats != logits(network, images, nil).floats)
    #expect(both.floats != logits(network, images, dropping.drawing([7, 9])).floats)
    #expect(logits(network, images, Dropping(draws: [7, 8])).floats == logits(network, images, nil).floats)

    let gradients = [false, true].map { recomputes in
      let tracked = network.with(parameters: network.parameters.map { $0.tracked() }).recomputing(recomputes)
      let loss = logits(tracked, images, dropping).squared.sum()
      return Tensors.gradients(
        of: loss, withRespectTo: tracked.parameters, cotangents: Tensor(repeating: 1, shape: loss.shape))
    }
    for (kept, again) in zip(gradients[0], gradients[1]) {
      #expect(relativeError(again, kept) < 1e-5 || kept.abs.sum().item < 1e-8)
    }
  }

  @Test("a sequential network has dropout by its rate in percent")
  func sequential() throws {
    let architecture = try #require(
      Architecture("sequential: conv 4; relu; dropout 30; global_average_pool; dropout 10; linear"))
    #expect(architecture.network(classes: 2, seed: 1).dropPlaces.dropout)
    #expect(architecture.label == "sequential: conv 4; relu; dropout 30; global_average_pool; dropout 10; linear")
    #expect(Architecture("sequential: conv 4; dropout 100; global_average_pool; linear") == nil)
    #expect(Architecture("sequential: conv 4; dropout; global_average_pool; linear") == nil)
  }
}
