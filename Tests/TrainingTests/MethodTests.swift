import Datasets
import Formats
import Networks
import Saliency
import Tensors
import TestSupport
import Testing

/// Methods against other implementations (see Fixtures/make_methods.py), and properties that follow from their
/// formulas.
@Suite("Saliency methods") struct MethodTests {
  let references: NamedTensors
  let network: Network
  /// [2, 16, 16, 3]
  let images: Tensor
  let classes: [Int]

  init() throws {
    references = try Safetensors.read(fixture("methods.safetensors"))
    let weights = try Safetensors.read(fixture("../../../checkpoints/plain-scenes.safetensors"))
    let count = try #require(weights["classifier.weight"]).shape[0]
    network = try Architecture.plain.network(classes: count, seed: nil)
      .loading(weights.entries.map { ($0.name, $0.value) }).converted(to: .float64)
    images = try #require(references["images"]).converted(to: .float64)
    classes = try #require(references["classes"]).doubles.map { Int($0) }
  }

  @Test(
    "maps agree with Captum's, pytorch-grad-cam's, and a second implementation of excitation backprop",
    arguments: [
      ("integrated_gradients:16", ["input", "features.8"]), ("grad_cam++", ["features.14"]),
      ("layer_cam", ["features.8", "features.14"]),
      ("excitation_backprop", ["features.14", "features.11", "features.8", "features.5"]),
      ("contrastive_excitation_backprop", ["features.14", "features.11", "features.8", "features.5"]),
    ])
  func peers(_ name: String, _ layers: [String]) throws {
    let method = try #require(Method(name))
    let maps = Inference(network, images, capturing: layers).maps(method, of: classes, at: layers)
    for (layer, map) in zip(layers, maps) {
      let expected = try #require(references["\(name).\(layer)"]).converted(to: .float64)
      // pytorch-grad-cam adds 1e-6 to Grad-CAM++'s denominator, which is itself small (at earlier layers smaller than
      // that).
      #expect(relativeError(map, expected) < (name == "grad_cam++" ? 2e-2 : 1e-6), "\(layer)")
    }
  }

  @Test("the signal of excitation backprop sums to one at every layer")
  func conservation() {
    let layers = ["features.2", "features.5", "features.8", "features.11", "features.14"]
    for map in Inference(network, images, capturing: layers).maps(.excitation, of: classes, at: layers) {
      #expect(map.sum([1, 2]).doubles.allSatisfy { abs($0 - 1) < 1e-6 })
    }
  }

  @Test("the signal of excitation backprop sums to one through residual sums too, and is never negative")
  func residualConservation() {
    let network = Architecture.resnet20.network(classes: 5, seed: 4).converted(to: .float64)
    let layers = ["layer1.1", "layer2.0", "layer3"]
    for map in Inference(network, images, capturing: layers).maps(.excitation, of: classes, at: layers) {
      #expect(map.sum([1, 2]).doubles.allSatisfy { abs($0 - 1) < 0.02 })
      #expect(map.doubles.allSatisfy { $0 >= 0 })
    }
  }

  @Test("integrated gradients add up to the difference of the logits")
  func completeness() {
    let map = Inference(network, images, capturing: ["input"])
      .maps(.integratedGradients(steps: 300), of: classes, at: ["input"])[0]
    let zeros = Tensor.zeros(images.shape, .float64)
    let difference =
      network(images).logits.takenAlongLastAxis(classes) - network(zeros).logits.takenAlongLastAxis(classes)
    #expect(relativeError(map.sum([1, 2]), difference) < 0.01)
  }

  @Test("a competitive map is the method's own where it beats all others, and zero elsewhere")
  func competitive() throws {
    let inference = Inference(network, images, capturing: ["features.8"])
    let count = network.classes
    let all = (0..<count).map { class_ in
      inference.maps(.gradCAM, of: [class_, class_], at: ["features.8"])[0].doubles
    }
    let map = inference.maps(.competitive(.gradCAM, rivals: count - 1), of: classes, at: ["features.8"])[0].doubles
    for (index, value) in map.enumerated() {
      let own = classes[index / 64]
      let wins = (0..<count).allSatisfy { $0 == own || all[$0][index] < all[own][index] }
      #expect(value == (wins ? all[own][index] : 0))
    }
  }

  @Test("a smooth map is the mean over noisy images, and does not depend on the other images")
  func smooth() {
    func maps(_ images: Tensor, _ classes: [Int]) -> Tensor {
      Inference(network, images, capturing: ["features.8"])
        .maps(.smooth(.normGrad, samples: 3), of: classes, at: ["features.8"])[0]
    }
    let second = images.sliced(axis: 0, from: 1, length: 1)
    #expect(
      relativeError(maps(images, classes).sliced(axis: 0, from: 1, length: 1), maps(second, [classes[1]])) < 1e-12)
    let plain = Inference(network, images, capturing: ["features.8"]).maps(.normGrad, of: classes, at: ["features.8"])
    let error = relativeError(maps(images, classes), plain[0])
    #expect(error > 1e-3 && error < 1)
  }

  @Test("RISE finds the object of the class in most scenes")
  func rise() throws {
    let source = BatchSource(
      Scenes(count: 400, seed: 3), size: 12,
      normalization: Normalization(mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]))
    let batch = try source.batch(Array(0..<12))
    let network = network.converted(to: .float32)
    let maps = Inference(network, batch.images, capturing: ["input"])
      .maps(.rise(masks: 200), of: batch.labels, at: ["input"])[0].doubles
    #expect(maps.allSatisfy { $0 >= 0 && $0 <= 2 })
    let found = try (0..<12).filter { image in
      let mask = try #require(source.dataset.sample(at: image).objects.first?.mask)
      let map = maps[(image * 1024)..<((image + 1) * 1024)]
      func mean(_ isCovered: Bool) -> Double {
        let values = zip(map, mask).filter { $1 == isCovered }.map(\.0)
        return values.reduce(0, +) / Double(values.count)
      }
      return mean(true) > mean(false)
    }
    #expect(found.count >= 9, "\(found)")
  }

  @Test("names and methods correspond one to one, and other names are refused")
  func names() {
    for name in [
      "bias/max", "conv5x5/filtered_norm", "guided/scaling/sum", "deconvnet/bias/sum", "own_conv/max",
      "smooth/normgrad",
      "smooth:3/competitive:2/depthwise3x3/positive", "rise:10", "integrated_gradients:7", "competitive/grad_cam++",
    ] { #expect(Method(name)?.description == name) }
    for name in [
      "", "norm", "conv2x2/norm", "conv3x5/norm", "bias", "bias/most", "smooth/", "smooth:0/gradient", "rise:x",
      "guided/normgrad", "normgrad/", "smooth:/gradient", "conv99x99/norm",
    ] { #expect(Method(name) == nil, "\(name)") }
  }

  @Test("NormGrad straight before global average pooling ranks locations alike for every class")
  func lastStage() throws {
    let maps = (0..<2).map { class_ in
      Inference(network, images, capturing: ["features.14"])
        .maps(.normGrad, of: [class_, class_], at: ["features.14"])[0]
    }
    for image in 0..<2 {
      let own = maps.map { ImageMap($0.sliced(axis: 0, from: image, length: 1), width: 16, height: 16) }
      #expect(abs((own[0].rankCorrelation(with: own[1]).number ?? 0) - 1) < 1e-9)
    }
  }
}
