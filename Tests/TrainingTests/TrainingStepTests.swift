import Components
import Datasets
import Foundation
import Learning
import Networks
import Recipes
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite("The training step") struct TrainingStepTests {
  private static func setup(_ overrides: [String] = []) throws -> Setup {
    let folder = ScratchFolder()
    try """
    model: { architecture: plain }
    data: { train: { scenes: { count: 40, size: 16 } }, validation: { scenes: { count: 10, size: 16, seed: 1 } }, batch: 8 }
    inner: { rate: 0.02 }
    saliency: { method: normgrad, layers: [features.5] }
    outer: [{ objective: cross_entropy }, { objective: class_sensitivity, against: random }]
    optimizer: { name: adam, rate: 0.01, clip: { norm: 1 } }
    run: { steps: 3, output: run, precision: float64 }
    """.write(toFile: folder.file("recipe.yaml"), atomically: true, encoding: .utf8)
    return try Setup(Recipe.load(folder.file("recipe.yaml"), overrides: overrides))
  }

  private static func begin(_ setup: Setup) -> TrainingState {
    TrainingState(network: setup.network, random: Checkpoint.contrastClasses(setup.recipe))
  }

  @Test("a step is a pure function: the same state and batch give the same bits, and the old state is unchanged")
  func pure() throws {
    let setup = try Self.setup()
    let state = Self.begin(setup)
    let batch = try setup.train.batch(step: 0)
    let before = state.network.parameters.map(\.doubles)
    let (first, record) = try setup.trainingStep(state, batch)
    let (second, _) = try setup.trainingStep(state, batch)
    #expect(first.network.parameters.map(\.doubles) == second.network.parameters.map(\.doubles))
    #expect(first.random == second.random && first.random != state.random)
    #expect(state.network.parameters.map(\.doubles) == before && first.network.parameters.map(\.doubles) != before)
    #expect(
      record.step == 1 && first.step == 1 && record.objectives.map(\.name) == ["cross_entropy", "class_sensitivity"])
  }

  @Test("objectives on objects are trained on those of the augmented images, and nothing is read for others")
  func objects() throws {
    let setup = try Self.setup([
      "data.augmentation=[horizontal_flip, padded_crop, { random_erasing: { probability: 1 } }]",
      "outer=[{ objective: energy_inside, at: [plain, virtual] }, { objective: competition, images: objects }, "
        + "{ objective: right_reasons }]",
    ])
    let batch = try setup.train.batch(step: 0)
    #expect(batch.objects(for: setup.step)?.contains { $0.count == 2 } == true)
    let (next, record) = try setup.trainingStep(Self.begin(setup), batch)
    #expect(record.objectives.allSatisfy { ($0.value ?? 0) > 0 } && next.step == 1)
    // The same step, with validation images.
    var result = Evaluation.Result()
    try setup.evaluation.measure(setup.network, try setup.validation.batch([0, 1, 2]), workers: 1, into: &result)
    #expect(setup.score(result).isFinite && setup.score(result) > 0)
    #expect(!setup.notes.contains { $0.contains("annotated object") })
    let plain = try Self.setup()
    #expect(try plain.train.batch(step: 0).objects.joined().isEmpty)
    #expect(try plain.validation.batch([0]).objects(for: plain.step) == nil)
  }

  @Test(
    "several processes together make the step of a single process, with the same random contrast classes",
    arguments: [2, 3], ["frozen", "train"])
  func processes(_ size: Int, _ mode: String) throws {
    // With batch statistics each process uses those of its own part, so the sum is compared only for running
    // statistics.
    let weights = try Self.setup().network
    @Sendable func run(_ communicator: any Communicator, _ shard: Shard) throws -> TrainingState {
      let setup = try Self.setup(["model.batch_norm=train"])
      var step = setup.trainingStep
      step.communicator = communicator
      step.outer.normalization = mode == "train" ? .batch : .running
      let source = BatchSource(
        setup.train.dataset, size: 8, normalization: setup.train.normalization, precision: .float64, shard: shard)
      var state = TrainingState(network: weights, random: Checkpoint.contrastClasses(setup.recipe))
      for number in 0..<3 { state = try step(state, source.batch(step: number)).state }
      return state
    }
    let alone = try run(SingleProcess(), .whole)
    let together = try Threads.run(size) { try run($0, Shard($0.rank, of: size)) }
    for state in together {
      #expect(state.random == alone.random && state.step == 3)
      #expect(state.network.parameters.map(\.doubles) == together[0].network.parameters.map(\.doubles))
      #expect(state.network.state.map { $0.value.doubles } == together[0].network.state.map { $0.value.doubles })
    }
    guard mode == "frozen" else { return }
    for (a, b) in zip(together[0].network.parameters, alone.network.parameters) {
      #expect(relativeError(a, b) < 1e-8)
    }
  }

  @Test("texts of any lengths are gathered from all processes")
  func gather() throws {
    let texts = ["", "a", "a longer text"].map { Array($0.utf8) }
    for all in try Threads.run(3, { try $0.allGather(texts[$0.rank]) }) { #expect(all == texts) }
    #expect(try SingleProcess().allGather([1, 2]) == [[1, 2]])
  }

  @Test("observers are called in order, and an observer's error saves the completed steps")
  func observers() throws {
    final class Recorder: TrainingObserver {
      var events: [String] = []
      var failsAt: Int?
      func runBegins(at step: Int, of steps: Int) { events.append("begin \(step)/\(steps)") }
      func stepTaken(_ record: TrainingStep.Record) throws {
        events.append("step \(record.step)")
        if record.step == failsAt { throw CocoaError(.userCancelled) }
      }
      func measured(_ result: Evaluation.Result, at step: Int) { events.append("measured \(step)") }
      func runEnds(before: Network, after: Network) { events.append("end") }
    }
    let setup = try Self.setup(["evaluation.every=2", "evaluation.images=4", "evaluation.figures=0"])
    let folder = ScratchFolder()
    let recorder = Recorder()
    try Trainer(setup, folder: RunFolder(folder.file("run")), observers: [recorder]).run()
    #expect(
      recorder.events == [
        "measured 0", "begin 0/3", "step 1", "step 2", "measured 2", "step 3", "measured 3", "end",
      ])
    let failing = Recorder()
    failing.failsAt = 2
    let other = RunFolder(folder.file("other"))
    #expect(throws: RunEnd.self) { try Trainer(setup, folder: other, observers: [failing]).run() }
    #expect(try Checkpoint(contentsOf: other.last).step == 1)
  }
  @Test(
    "objectives that compare images are refused for batches of one image",
    arguments: ["competition", "cell_share", "composite_consistency", "contrastive_consistency"])
  func singleImages(_ name: String) throws {
    let objectives = "outer=[{objective: \(name), method: grad_cam}]"
    let error = #expect(throws: RecipeError.self) { try Self.setup(["data.batch=1", objectives]) }
    #expect("\(try #require(error))".contains("data.batch: \(name) compares images"))
    _ = try Self.setup(["data.batch=2", objectives])
  }

}
