import Components
import Formats
import Learning
import Networks
import Recipes
import Saliency
import Tensors
import TestSupport
import Testing

@testable import Training

/// A custom layer that is a traced operation and can be exported to ONNX.
private struct HardSwish: FixedLayer, TracedOperation, ONNXOperation {
  func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { x * (x + 3).relu.limited(to: 6) / 6 }

  func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    let input = graph.inputs(of: step)[0]
    let moved = graph.node("Add", step, [input, graph.number(3, "hard_swish")])
    let limited = graph.node("Clip", step, [moved, graph.number(0, "limit"), graph.number(6, "limit")])
    let product = graph.node("Mul", step, [input, limited])
    graph.node("Div", step, [product, graph.number(6, "hard_swish")], isResult: true)
  }
}

/// A custom layer that uses tensor operations directly and is not a traced operation.
private struct Doubling: FixedLayer {
  func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { x + x }
}

private struct OwnNetwork: Module {
  var features: Named<Sequential>
  var head: Named<Linear>

  init(middle: some Module = HardSwish(), classes: Int, using random: inout RandomSource?) {
    let convolutions = [
      Convolution(3, 8, size: 3, padding: 1, using: &random), Convolution(8, 8, size: 3, stride: 2, using: &random),
    ]
    features = Named(
      "features", Sequential([convolutions[0], BatchNorm(8), middle, convolutions[1], BatchNorm(8), ReLU()]))
    head = Named("head", Linear(8, classes, using: &random))
  }

  func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    pass(head, pass("pool", GlobalAveragePool(), pass(features, x)))
  }

  mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try features.visit(path, body)
    try head.visit(path, body)
  }
}

@Suite("Custom networks, trained and saved", .serialized) struct OwnNetworkTests {
  private let folder = ScratchFolder()

  private func network(_ middle: some Module = HardSwish(), name: String) -> Network {
    var random: RandomSource? = RandomSource(seed: 1, purpose: "test")
    return Network(name, classes: 4, root: OwnNetwork(middle: middle, classes: 4, using: &random))
  }

  private var images: Tensor {
    var random = RandomSource(seed: 3, purpose: "images")
    return .normal([4, 12, 12, 3], using: &random)
  }

  @Test("an unregistered network is trained by a meta step, and its weights are saved and loaded")
  func trained() throws {
    let step = MetaStep(
      inner: InnerUpdate(rate: 0.05), method: .normGrad, layers: ["features.5"],
      objectives: [
        WeightedObjective(.crossEntropy, weight: 1),
        WeightedObjective(.classSensitivity(ClassSensitivity(at: [.virtual], against: .second)), weight: 1),
      ])
    var network = network(name: "unregistered")
    var random = RandomSource(seed: 0, purpose: "test")
    var values: [Double] = []
    for _ in 0..<6 {
      let outcome = try step(network, images, labels: [0, 1, 2, 3], random: &random)
      values.append(outcome.total)
      network = network.with(parameters: zip(network.parameters, outcome.gradients).map { $0 - $1 * 0.05 })
    }
    #expect(try #require(values.last) < values[0])
    let path = folder.file("w.safetensors")
    _ = try Export.write(network, as: .safetensors, to: path)
    let again = try self.network(name: "unregistered").loading(try WeightFile.read(path).entries)
    #expect(again(images).logits.floats == network(images).logits.floats)
  }

  @Test("a checkpoint is read by a program that registers the network; another reports what is missing")
  func checkpoint() throws {
    let path = folder.file("c.h5")
    let network = network(name: "own_of_a_checkpoint")
    try Checkpoint(network: network, random: RandomSource(seed: 0, purpose: "test"), recipe: "").write(to: path)
    let error = #expect(throws: FileError.self) { try Checkpoint(contentsOf: path) }
    #expect(error?.message.contains("an unknown architecture 'own_of_a_checkpoint'; a program that has") == true)
    Registries.architectures.register(
      Architecture("own_of_a_checkpoint") { OwnNetwork(classes: $0, using: &$1) })
    let again = try Checkpoint(contentsOf: path).network
    #expect(again(images).logits.floats == network(images).logits.floats)
    #expect(Catalogue.architectures().contains("own_of_a_checkpoint"))
    #expect(Catalogue.layers(of: again.architecture).contains("features.5"))
  }

  @Test("a recipe names a registered network, and its run is resumed from its checkpoint")
  func recipe() throws {
    Registries.architectures.register(
      Architecture("own_of_a_recipe") { OwnNetwork(classes: $0, using: &$1) })
    let path = try folder.write(
      "r.yaml",
      """
      model: { architecture: own_of_a_recipe }
      data:
        train: { scenes: { count: 8, size: 16, classes: 4 } }
        validation: { scenes: { count: 4, size: 16, classes: 4, seed: 1 } }
        batch: 4
      saliency: { method: grad_cam, layers: [features.5] }
      outer: [{ objective: cross_entropy }, { objective: class_sensitivity, at: [plain] }]
      optimizer: { name: sgd, rate: 0.01 }
      evaluation: { images: 4 }
      run: { steps: 2, output: unused }
      """)
    let recipe = try Recipe.load(path, overrides: [])
    #expect(recipe.model.batchNorm == .train)
    let run = RunFolder(folder.file("run"))
    try Trainer(try Setup(recipe), folder: run).run(.new)
    #expect(try Checkpoint(contentsOf: run.last).network.architecture.name == "own_of_a_recipe")
    #expect(try ModelSource.run(run.path).model().network.classes == 4)

    let excited = try Recipe.load(
      path, overrides: ["saliency.method=excitation_backprop", "saliency.layers=[features.1]"])
    let error = #expect(throws: RecipeError.self) { try Setup(excited) }
    #expect("\(error.map { "\($0)" } ?? "")".contains("excitation_backprop has no map at 'features.1'"))
    #expect("\(error.map { "\($0)" } ?? "")".contains("(HardSwish)"))
  }

  @Test("a custom layer is exported by its own ONNX form")
  func exported() throws {
    let network = network(name: "exported")
    var runner = GraphRunner(model: try ONNXModel(network, height: 12, width: 12))
    let logits = try runner.run(images.permuted([0, 3, 1, 2]))
    #expect(relativeError(logits, network(images).logits) < 1e-5)
  }

  @Test("a layer without an ONNX form is refused by name")
  func refused() throws {
    let network = network(Doubling(), name: "refused")
    let error = #expect(throws: FileError.self) { try Export.write(network, as: .onnx, to: folder.file("n.onnx")) }
    #expect(error?.message.hasPrefix("layer 'features.2' has no form in ONNX: what Doubling does") == true)
  }
}
