import TestSupport
import Tensors
import Testing

@testable import Networks

/// Compares facts that are read off traces with known values and with real passes.
@Suite("Facts about networks") struct FactsTests {
  @Test("the smallest side that a trace gives is the true one", arguments: Architecture.zoo)
  func smallestSide(_ architecture: Architecture) {
    let known = [
      "alexnet": 63, "squeezenet1_0": 21, "squeezenet1_1": 17, "densenet121": 29, "convnext_tiny": 32,
    ]
    let expected = known[architecture.name] ?? (architecture.name.hasPrefix("vgg") ? 32 : 1)
    #expect(architecture.smallestSide == expected)
    #expect(
      architecture.usualSide
        == (["resnet20", "resnet32", "resnet44", "resnet56", "plain"].contains(architecture.name) ? 32 : 224))
  }

  @Test(
    "the names and shapes of a trace are those of a real pass",
    arguments: [
      Architecture.resnet20, .plain, .resnet18, .vgg11_bn, .squeezenet1_0, .mobilenet_v2, .densenet121, .convnext_tiny,
      .efficientnet_b0,
    ])
  func shapes(_ architecture: Architecture) {
    let network = architecture.network(classes: 3, seed: nil)
    let (height, width) = (max(38, architecture.smallestSide), max(45, architecture.smallestSide))
    let names = network.layerNames(height: height, width: width)
    let output = network(.zeros([1, height, width, 3]), capturing: names)
    let trace = network.trace(height: height, width: width)
    #expect(trace.isPossible && trace.shapes[trace.logits] == [1, 3])
    for name in names {
      #expect(trace.layers[name].map { trace.shapes[$0] } == output.activations[name]?.shape, "\(name)")
    }
  }

  /// Names of layers at which excitation backprop has a map, and of layers at which it has none.
  private static let excitation: [(Architecture, has: [String], hasNot: [String])] = [
    (.resnet20, ["conv1", "bn1", "layer1.0", "layer2.1.conv2", "layer3"], ["input"]),
    (.resnet50, ["maxpool", "layer1", "layer4.2.bn1", "layer4"], ["input"]),
    (.vgg16, ["features.0", "features.29"], ["input"]),
    (.squeezenet1_1, ["features.12", "classifier.1"], ["input"]),
    (.densenet121, ["features.denseblock4", "features.norm5", "relu"], ["features.denseblock3", "features.conv0"]),
    (.mobilenet_v2, ["features.18", "features.18.0"], ["features.17", "features.14.conv.3", "features.0"]),
    (.convnext_tiny, [], ["features.7", "features.1", "input"]),
    (.efficientnet_b0, [], ["features.8", "features.1"]),
  ]

  @Test("excitation backprop has a map if all later operations that distribute the signal have non-negative inputs")
  func excitation() {
    for (architecture, has, hasNot) in Self.excitation {
      let network = architecture.network(seed: nil)
      for layer in has { #expect(network.excitationObstacle(at: layer) == nil, "\(architecture) \(layer)") }
      for layer in hasNot { #expect(network.excitationObstacle(at: layer) != nil, "\(architecture) \(layer)") }
    }
    let reason = Architecture.mobilenet_v2.network(seed: nil).excitationObstacle(at: "features.17")
    #expect(reason == "what 'features.18.0' sees can be negative")
    let none = Architecture.efficientnet_b0.network(seed: nil).excitationObstacle(at: "features.7.0.block.0.1")
    #expect(none?.contains("features.7.0.block.0.2") == true && none?.contains("SiLU") == true)
  }

  @Test(
    "activations that are non-negative in a trace are non-negative in a pass",
    arguments: [Architecture.densenet121, .mobilenet_v2, .resnet20])
  func signs(_ architecture: Architecture) throws {
    let network = architecture.network(classes: 3, seed: 2)
    var random = RandomSource(seed: 1, purpose: "test")
    let side = 64
    let names = network.layerNames(height: side, width: side)
    let output = network(.normal([2, side, side, 3], using: &random), capturing: names)
    let trace = network.trace(height: side, width: side)
    let signs = trace.nonNegative
    var (positive, mixed) = (0, 0)
    for name in names {
      let isNonNegative = signs[try #require(trace.layers[name])]
      let least = output.activations[name]?.doubles.min() ?? -1
      if isNonNegative {
        positive += 1
        #expect(least >= 0, "\(name)")
      } else if least < 0 {
        mixed += 1
      }
    }
    // A few layers have only a few outputs, which may all be positive by chance.
    #expect(positive > 10 && positive + mixed >= names.count - 5)
  }

  @Test("every named part is visited under its name", arguments: Architecture.zoo)
  func parts(_ architecture: Architecture) {
    let network = architecture.network(classes: 3, seed: nil)
    var found = Set<String>()
    /// Visits the named parts inside a value, at any depth.
    func search(_ value: Any, _ path: Path) {
      if let sequential = value as? Sequential {
        for (name, module) in zip(sequential.names, sequential.modules) { search(module, path / name) }
        return
      }
      if let tensor = value as? Tensor {
        if tensor.count > 0 { found.insert(path.description) }
        return
      }
      let mirror = Mirror(reflecting: value)
      if "\(type(of: value))".hasPrefix("Named<"),
        let name = mirror.children.first(where: { $0.label == "name" })?.value as? String,
        let part = mirror.children.first(where: { $0.label == "module" })?.value
      {
        return search(part, path / name)
      }
      for child in mirror.children { search(child.value, path) }
    }
    search(network.root, Path())
    let visited = Set(network.state.map { String($0.name.split(separator: ".").dropLast().joined(separator: ".")) })
    #expect(found == visited)
  }

  @Test("kernels survive the conversion to files and back, and other tensors are not converted")
  func layouts() {
    let kernel = Tensor((0..<120).map { Double($0) }, shape: [2, 3, 4, 5])
    #expect(ParameterKind.kernel.inFiles(kernel).shape == [5, 4, 2, 3])
    #expect(ParameterKind.kernel.shapeInFiles(kernel.shape) == [5, 4, 2, 3])
    #expect(ParameterKind.kernel.fromFiles(ParameterKind.kernel.inFiles(kernel)).doubles == kernel.doubles)
    #expect(ParameterKind.weight.inFiles(kernel).shape == kernel.shape)
    #expect(ParameterKind.kernel.fromFiles(Tensor([1.0, 2])).shape == [2])
  }
}
