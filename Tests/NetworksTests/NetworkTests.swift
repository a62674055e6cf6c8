import TestSupport
import Testing

@testable import Networks
@testable import Tensors

@Suite("Networks") struct NetworkTests {
  @Test("architectures state correctly whether they have batch norms", arguments: Architecture.zoo)
  func batchNorms(_ architecture: Architecture) {
    let hasStatistics = architecture.network(classes: 2, seed: nil).state.contains { $0.kind == .statistic }
    #expect(architecture.hasBatchNorms == hasStatistics)
  }

  @Test(
    "the CIFAR ResNets have as many parameters as in the paper",
    arguments: [
      (Architecture.resnet20, 269_722), (.resnet32, 464_154), (.resnet44, 658_586), (.resnet56, 853_018),
    ])
  func counts(_ architecture: Architecture, _ expected: Int) {
    #expect(architecture.network().parameters.reduce(0) { $0 + $1.count } == expected)
  }

  @Test("state dicts have PyTorch's names, order and shapes")
  func names() {
    let state = Architecture.resnet20.network().stateDictionary
    #expect(
      state.prefix(5).map(\.name) == ["conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"])
    #expect(state.last?.name == "linear.bias")
    #expect(state.first { $0.name == "layer2.0.conv1.weight" }?.value.shape == [32, 16, 3, 3])
  }

  /// One or more architectures of every kind, without large ones.
  private static let small: [Architecture] = [
    .resnet20, .resnet32, .resnet44, .resnet56, .plain, .resnet18, .squeezenet1_1, .mobilenet_v2, .densenet121,
  ]

  @Test("a state dict is loaded back unchanged", arguments: small)
  func roundTrip(_ architecture: Architecture) throws {
    let network = architecture.network(classes: 7, seed: 1)
    let back = try architecture.network(classes: 7, seed: 2).loading(network.stateDictionary)
    #expect(back.state.map(\.value.floats) == network.state.map(\.value.floats))
  }

  @Test("DenseNets are loaded from torchvision's published files, in which some layers have older names")
  func publishedDenseNet() throws {
    let network = Architecture.densenet121.network(classes: 3, seed: 1)
    // Only `norm1` and `conv2` of dense layers have other names.
    let published = network.stateDictionary.map { name, value in
      var name = name
      for part in ["norm1", "norm2", "conv1", "conv2"] where name.contains("denselayer") {
        name = name.replacing("." + part + ".", with: "." + part.dropLast() + "." + part.suffix(1) + ".")
      }
      return (name: name, value: value)
    }
    #expect(published.contains { $0.name == "features.denseblock4.denselayer16.norm.2.running_var" })
    let back = try Architecture.densenet121.network(classes: 3, seed: 2).loading(published)
    #expect(back.state.map(\.value.floats) == network.state.map(\.value.floats))
    let other = try #require(Architecture.densenet121.network(classes: 5, seed: 2).loadingBackbone(published))
    #expect(other.classes == 3)
  }

  @Test("one error lists all missing, unexpected and misshapen weights")
  func mismatch() {
    var weights = Architecture.resnet20.network().stateDictionary
    weights.removeFirst()
    weights.append(("extra", Tensor([1.0])))
    weights[0].value = Tensor([1.0, 2])
    let error = #expect(throws: StateMismatch.self) { try Architecture.resnet20.network().loading(weights) }
    #expect(error?.missing == ["conv1.weight"])
    #expect(error?.unexpected == ["extra"])
    #expect(error?.misshapen.first?.name == "bn1.weight")
  }

  @Test("activations are returned by name, and logits can be differentiated with respect to them", arguments: small)
  func activations(_ architecture: Architecture) {
    let network = architecture.network()
    let names = network.layerNames()
    #expect(names.first == "input" && names.count > 10)
    let output = network(.ones([2, 32, 32, 3]), capturing: [names[0], names[5]])
    let derivatives = gradients(
      of: output.logits.sum(), withRespectTo: [names[0], names[5]].compactMap { output.activations[$0] })
    #expect(derivatives[0].shape == [2, 32, 32, 3])
    #expect(derivatives[1].squared.sum().item > 0)
  }

  @Test(
    "images with their own parameters give the same outputs and derivatives as each image alone",
    arguments: small + [.convnext_tiny, .efficientnet_b0, .resnext50_32x4d])
  func parametersForEachImage(_ architecture: Architecture) {
    let networks = (1...2).map { architecture.network(classes: 5, seed: UInt64($0)) }
    var random = RandomSource(seed: 1, purpose: "images")
    let images = Tensor.normal([2, 32, 32, 3], using: &random)
    let parameters = zip(networks[0].parameters, networks[1].parameters).map { first, second in
      Tensor.concatenated([first.repeated(1), second.repeated(1)], axis: 0).tracked()
    }
    let logits = networks[0].with(parameters: parameters)(images).logits
    let found = gradients(of: logits.logSumExp(), withRespectTo: parameters)
    for (index, network) in networks.enumerated() {
      let own = network.parameters.map { $0.tracked() }
      let alone = network.with(parameters: own)(images.sliced(axis: 0, from: index, length: 1)).logits
      #expect(logits.sliced(axis: 0, from: index, length: 1).floats == alone.floats)
      for (found, expected) in zip(found, gradients(of: alone.logSumExp(), withRespectTo: own)) {
        #expect(found.sliced(axis: 0, from: index, length: 1).reshaped(expected.shape).floats == expected.floats)
      }
    }
  }

  @Test(
    "a recomputing network keeps fewer bytes for its derivatives, also if activations inside blocks are requested",
    arguments: [
      (Architecture.plain, ["features.5", "features.8"]), (.resnet20, ["layer2", "layer3.0"]), (.resnet18, ["layer3"]),
      (.vgg11, ["features.9"]), (.mobilenet_v2, ["features.10"]), (.densenet121, ["features.denseblock2"]),
    ])
  func recomputation(_ architecture: Architecture, _ layers: [String]) {
    let network = architecture.network(classes: 5, seed: 1)
    let parameters = network.parameters.map { $0.tracked() }
    let images = Tensor.ones([1, 64, 64, 3])
    func output(_ recomputes: Bool) -> Network.Output {
      network.with(parameters: parameters).recomputing(recomputes)(images, capturing: layers)
    }
    let (kept, again) = (output(false), output(true))
    #expect(again.logits.floats == kept.logits.floats)
    for layer in layers { #expect(again.activations[layer]?.floats == kept.activations[layer]?.floats) }
    func bytes(_ output: Network.Output) -> Int { Self.bytesKept(behind: output.logits, but: parameters) }
    #expect(bytes(again) * 3 < bytes(kept) * 2, "\(bytes(again)) of \(bytes(kept))")
    // The graph of the gradients is compared too.
    func logitGradients(_ output: Network.Output) -> Tensor {
      gradients(of: output.logits.logSumExp(), withRespectTo: parameters, createGraph: true)
        .map { $0.squared.sum() }.reduce(Tensor(0)) { $0 + $1 }
    }
    let (first, second) = (logitGradients(kept), logitGradients(again))
    #expect(relativeError(second, first) < 1e-3)
    #expect(
      Self.bytesKept(behind: second, but: parameters) < Self.bytesKept(behind: first, but: parameters))
  }

  /// The number of bytes that a graph keeps, without those of some tensors.
  private static func bytesKept(behind tensor: Tensor, but others: [Tensor]) -> Int {
    var (nodes, storages) = (Set<ObjectIdentifier>(), Set(others.map { ObjectIdentifier($0.storage) }))
    var (stack, bytes) = ([tensor.node].compactMap(\.self), 0)
    while let node = stack.popLast() {
      guard nodes.insert(ObjectIdentifier(node)).inserted else { continue }
      for value in node.operands.map(\.value) + [node.output] {
        if let value, storages.insert(ObjectIdentifier(value.storage)).inserted { bytes += value.storage.bytes }
      }
      stack += node.operands.compactMap(\.node)
    }
    return bytes
  }

  @Test("batch norms normalize by the batch and move the running statistics by a tenth, as in PyTorch")
  func batchNorm() {
    var pass = Pass(normalization: .batch, wanted: [])
    let x = Tensor([1.0, 10, 3, 20, 5, 60], shape: [1, 3, 1, 2])
    let y = pass("bn", BatchNorm(2).doubled, x)
    let columns = (0..<2).map { c in stride(from: c, to: 6, by: 2).map { y.doubles[$0] } }
    for column in columns {
      #expect(abs(column.reduce(0, +)) < 1e-5)
      #expect(abs(column.reduce(0) { $0 + $1 * $1 } / 3 - 1) < 1e-4)
    }
    #expect(pass.statistics["bn"]?.mean.doubles == [3, 30])
    #expect(pass.statistics["bn"]?.variance.doubles.first.map { abs($0 - 4) < 1e-9 } == true)
  }

  @Test("a shortcut with more channels takes every second location and pads channels on both sides")
  func shortcut() {
    var network = Architecture.resnet20.network()
    // The convolutions' branch is set to 0, so that only the shortcut remains.
    network.visit { name, kind, tensor in
      if name.hasPrefix("layer2.0.bn2") && kind.isParameter { tensor = .zeros(tensor.shape) }
    }
    var random = RandomSource(seed: 1, purpose: "test")
    let output = network(.normal([1, 32, 32, 3], using: &random), capturing: ["layer1", "layer2.0"])
    guard let x = output.activations["layer1"]?.detached(), let y = output.activations["layer2.0"]?.detached() else {
      return
    }
    let expected = x.sliced(axis: 1, from: 0, length: 16, step: 2).sliced(axis: 2, from: 0, length: 16, step: 2)
    #expect(y.sliced(axis: 3, from: 8, length: 16).floats == expected.floats)
    #expect(
      y.sliced(axis: 3, from: 0, length: 8).isFinite && y.sliced(axis: 3, from: 0, length: 8).squared.sum().item == 0)
  }

  @Test("stages are the last layers of each resolution, without the classifier")
  func stages() {
    #expect(Architecture.resnet20.network().stages(height: 32, width: 32) == ["layer1", "layer2", "layer3"])
    #expect(
      Architecture.resnet18.network(seed: nil).stages(height: 64, width: 64)
        == ["relu", "layer1", "layer2", "layer3", "layer4"])
    #expect(Architecture.squeezenet1_0.network(seed: nil).stages(height: 64, width: 64).last == "features.12")
  }

  @Test("an activation can be replaced, and later layers depend only on the replacement")
  func replacement() throws {
    let network = Architecture.plain.network(classes: 4, seed: 1)
    var random = RandomSource(seed: 1, purpose: "images")
    let (a, b) = (
      Tensor.normal([1, 16, 16, 3], using: &random), Tensor.normal([1, 16, 16, 3], using: &random)
    )
    for layer in ["features.3", "features.4", "features.8", "input"] {
      let activation = try #require(network(a, capturing: [layer]).activations[layer]).detached()
      #expect(network(b, replacing: [layer: activation]).logits.floats == network(a).logits.floats, "\(layer)")
    }
  }
}

extension BatchNorm {
  fileprivate var doubled: BatchNorm {
    var copy = self
    copy.visit(Path()) { $2 = $2.converted(to: .float64) }
    return copy
  }
}
