import Components
import Networks
import Tensors
import TestSupport
import Testing

/// A custom elementwise layer that describes itself to traces.
private struct HardSwish: FixedLayer, TracedOperation {
  func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { x * (x + 3).relu.limited(to: 6) / 6 }
}

/// A custom layer that uses tensor operations and does not describe itself.
private struct Doubling: FixedLayer {
  func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { x + x }
}

/// A custom network, written in a few lines.
private struct OwnNetwork: Module {
  var stem: Named<Convolution>
  var body: Named<Sequential>
  var head: Named<Linear>

  init(width: Int = 8, middle: some Module = HardSwish(), classes: Int, using random: inout RandomSource?) {
    stem = Named("stem", Convolution(3, width, size: 3, stride: 2, using: &random))
    body = Named("body", Sequential([BatchNorm(width), middle, MaxPool(window: 2, stride: 2), ReLU()]))
    head = Named("head", Linear(width, classes, using: &random))
  }

  func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    let y = pass(body, pass(stem, x))
    return pass(head, pass("pool", GlobalAveragePool(), y))
  }

  mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try stem.visit(path, body)
    try self.body.visit(path, body)
    try head.visit(path, body)
  }
}

/// A family of the same network with a setting.
private struct OwnFamily: NetworkFamily {
  let name = "own_family"
  var width = 8
  mutating func visit(_ keys: Keys) { keys("width", &width, .integer(1...512)) }
  func root(classes: Int, using random: inout RandomSource?) -> any Module {
    OwnNetwork(width: width, classes: classes, using: &random)
  }
}

/// These tests use only the library's public interface.
@Suite("Custom networks", .serialized) struct OwnNetworkTests {
  private var images: Tensor {
    var random = RandomSource(seed: 3, purpose: "images")
    return .normal([2, 13, 16, 3], using: &random)
  }

  @Test("a module is a network without being registered")
  func unregistered() throws {
    var random: RandomSource? = RandomSource(seed: 1, purpose: "test")
    let network = Network("mine", classes: 4, root: OwnNetwork(classes: 4, using: &random))
    let output = network(images, capturing: ["body.1"])
    #expect(output.logits.shape == [2, 4] && output.activations["body.1"]?.shape == [2, 6, 7, 8])
    #expect(network.architecture.label == "mine" && network.architecture.smallestSide == 5)
    #expect(network.architecture.usualSide == 32 && network.architecture.hasBatchNorms)
    #expect(network.stateDictionary.first?.name == "stem.weight")
    #expect(try network.loading(network.stateDictionary)(images).logits.floats == output.logits.floats)
    #expect(Architecture("mine") == nil)
    #expect(network.excitationObstacle(at: "body.1") == nil)
    #expect(network.excitationObstacle(at: "body.0")?.contains("HardSwish") == true)
  }

  @Test("tensor operations of a module are an unknown operation in the trace, with the traced shape")
  func unknown() throws {
    var random: RandomSource? = RandomSource(seed: 1, purpose: "test")
    let network = Network("mine", classes: 4, root: OwnNetwork(middle: Doubling(), classes: 4, using: &random))
    let trace = network.trace(height: 13, width: 16)
    let step = try #require(trace.steps.first { $0.name == "body.1" })
    #expect(step.operation.title == "Doubling" && trace.shapes[step.output] == [1, 6, 7, 8])
    #expect(network.architecture.smallestSide == 5)
    #expect(network.excitationObstacle(at: "stem")?.contains("Doubling") == true)
  }

  @Test("an operation between a module's layers is a step of the module")
  func between() throws {
    struct Sandwich: Module {
      func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
        pass("second", ReLU(), pass("first", ReLU(), x) * 2 - 1)
      }
      func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {}
    }
    var random: RandomSource?
    let network = Network("mine", classes: 4, root: OwnNetwork(middle: Sandwich(), classes: 4, using: &random))
    let steps = network.trace(height: 13, width: 16).steps.map { "\($0.name) \($0.operation.title)" }
    #expect(steps[2...4] == ["body.1.first ReLU", "body.1 Sandwich", "body.1.second ReLU"])
    #expect(network.architecture.smallestSide == 5)
  }

  @Test("a registered network is created by its name, and its settings are part of its label")
  func registered() throws {
    Registries.architectures.register(
      Architecture("own_network", usualSide: 48) { OwnNetwork(classes: $0, using: &$1) })
    Registries.architectures.register(Architecture(OwnFamily()))
    let plain = try #require(Architecture("own_network"))
    #expect(plain.usualSide == 48 && plain.smallestSide == 5 && Architecture.all.contains(plain))
    #expect(
      plain.parameterCount(classes: 7) == Double(plain.network(classes: 7).parameters.reduce(0) { $0 + $1.count }))

    let stated = Entry(.section([("width", Entry(.scalar("6", isText: false)))]))
    let default_ = try #require(Architecture("own_family"))
    let report = Keys.Report()
    let wide = Keys.read(default_, stated, "model", report)
    #expect(report.problems.isEmpty && wide.label == "own_family: width 6" && wide != default_)
    let again = try #require(Architecture(wide.label))
    #expect(again == wide && again.network(seed: nil).stateShapes[0].shape == [6, 3, 3, 3])
    #expect(Architecture("own_family: width 0") == nil && Architecture("own_family: depth 3") == nil)
  }

  @Test("a registered layer can be used in a sequential network")
  func layer() throws {
    Registries.layers.register(.elementwise("hard_swish_of_a_test") { HardSwish() })
    let layers = ["conv 4", "hard_swish_of_a_test", "global_average_pool", "linear"]
    let architecture = try Architecture(layers: layers.map { try LayerDescription($0) })
    #expect(architecture.label == "sequential: conv 4; hard_swish_of_a_test; global_average_pool; linear")
    let output = architecture.network(classes: 3)(images, capturing: ["0", "1"])
    let x = try #require(output.activations["0"]).detached()
    #expect(output.activations["1"]?.floats == (x * (x + 3).relu.limited(to: 6) / 6).floats)
  }
}
