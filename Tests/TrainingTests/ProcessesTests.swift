import Foundation
import Learning
import Networks
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite("Runs of several processes") struct ProcessesTests {
  private static func recipe(_ folder: ScratchFolder, _ overrides: [String] = []) throws -> Recipe {
    let path = folder.file("recipe.yaml")
    try """
    model: { architecture: plain, weights: \(fixture("../../../checkpoints/plain-scenes.safetensors")), batch_norm: frozen }
    data: { train: { scenes: { count: 40, size: 24 } }, validation: { scenes: { count: 30, size: 24, seed: 1 } }, batch: 8 }
    inner: { rate: 0.02 }
    saliency: { method: normgrad, layers: [features.5] }
    outer: [{ objective: cross_entropy }, { objective: class_sensitivity }]
    evaluation:
      every: 2
      images: 30
      virtual_rate: 0.02
      layers: [features.5]
      measures: [class_sensitivity, pointing_game, energy, { grid_pointing: { side: 2 } }]
    optimizer: { name: adam, rate: 0.01 }
    run: { steps: 4, output: \(folder.file("run")), precision: float64, checkpoint_every: 1, workers: 1 }
    """.write(toFile: path, atomically: true, encoding: .utf8)
    return try Recipe.load(path, overrides: overrides)
  }

  @Test(
    "measure together what one measures, to the bit, composite images and baselines included", arguments: [2, 3, 5])
  func evaluation(_ size: Int) throws {
    let folder = ScratchFolder()
    let recipe = try Self.recipe(folder)
    let alone = try Setup(recipe)
    let expected = try alone.evaluation.json(alone.evaluate(alone.network, title: "alone"))
    let all = try Threads.run(size) { communicator in
      let setup = try Setup(recipe, communicator: communicator)
      let result = try setup.evaluate(setup.network, title: "together")
      return (try setup.evaluation.json(result), setup.score(result), setup.evaluation.csv(result))
    }
    let result = try alone.evaluate(alone.network, title: "alone")
    for (json, score, csv) in all {
      #expect(json == expected && score == alone.score(result) && csv == alone.evaluation.csv(result))
    }
  }

  @Test(
    "leave in the folder what one leaves, stop after the same step when one is interrupted, and resume to the same bytes"
  )
  func run() throws {
    let (one, two, stopped) = (ScratchFolder(), ScratchFolder(), ScratchFolder())
    @Sendable func run(
      _ folder: ScratchFolder, _ communicator: any Communicator, _ start: RunFolder.Start = .new,
      stopsAt step: Int? = nil
    ) throws -> [String] {
      let heard = Heard()
      var times = 0
      let trainer = Trainer(
        try Setup(try Self.recipe(folder), communicator: communicator, logger: heard.logger),
        folder: RunFolder(folder.file("run")),
        isInterrupted: {
          times += 1
          // Only the last process is interrupted.
          return times == step && communicator.rank == communicator.size - 1
        })
      do { try trainer.run(start) } catch RunEnd.interrupted(let step, _) { return ["interrupted after step \(step)"] }
      return heard.texts()
    }
    _ = try run(one, SingleProcess())
    let said = try Threads.run(2) { try run(two, $0) }
    #expect(said[0].contains { $0.contains("After step 4") } && said[1].isEmpty)
    let (expected, together) = (
      try Checkpoint(contentsOf: one.file("run/checkpoints/last.h5")),
      try Checkpoint(contentsOf: two.file("run/checkpoints/last.h5"))
    )
    for (a, b) in zip(together.network.parameters, expected.network.parameters) { #expect(relativeError(a, b) < 1e-8) }
    #expect(together.step == 4 && together.random == expected.random)

    let ends = try Threads.run(2) { try run(stopped, $0, stopsAt: 3) }
    #expect(ends == [["interrupted after step 3"], ["interrupted after step 3"]])
    _ = try Threads.run(2) { try run(stopped, $0, .resume) }
    for file in ["checkpoints/last.h5", "checkpoints/best.h5", "metrics.jsonl"] {
      #expect(Self.withoutFolder(stopped, file) == Self.withoutFolder(two, file), "\(file)")
    }
  }

  /// The parameters after the steps of a run, and the values that were logged.
  private static func trained(
    _ recipe: Recipe, _ communicator: any Communicator = SingleProcess()
  ) throws -> (bits: [[Float]], record: [Double]) {
    let setup = try Setup(recipe, communicator: communicator)
    var state = TrainingState(network: setup.network, random: RandomSource(state: 3))
    var logged: [Double] = []
    for step in 0..<recipe.run.steps {
      let (next, record) = try setup.trainingStep(state, try setup.train.batch(step: step))
      state = next
      logged += [record.loss, record.gradientNorm] + record.objectives.compactMap(\.value)
    }
    return (state.network.state.map(\.value.floats), logged)
  }

  private static let settings: [[String]] = [
    [],
    [
      "outer=[{ objective: cross_entropy }, { objective: competition }, { objective: composite_consistency, method: grad_cam }]",
      "data.mixing=[{ mixup: 0.5 }]",
    ],
    ["outer=[{ objective: cross_entropy }, { objective: energy_inside, at: [plain, virtual] }]", "data.batch=12"],
    [
      "outer=[{ objective: cross_entropy }, { objective: class_sensitivity, at: [virtual], against: random }]",
      "data.batch=33", "inner.steps=2",
    ],
    [
      "outer=[{ objective: cross_entropy }, { objective: class_sensitivity, at: [virtual] }, { objective: competition }]",
      "inner.learned_rates={ per: layer }",
    ],
  ]

  @Test(
    "train to the bits of one process: virtual updates, objects, composed and mixed images", arguments: settings,
    [2, 4])
  func bits(_ overrides: [String], _ size: Int) throws {
    let folder = ScratchFolder()
    let recipe = try Self.recipe(folder, ["run.precision=float32", "run.steps=2"] + overrides)
    let alone = try Self.trained(recipe)
    for together in try Threads.run(size, { try Self.trained(recipe, $0) }) {
      #expect(together.bits == alone.bits && together.record == alone.record)
    }
  }

  @Test("eight train to the bits of one process if a batch has at least 32 images")
  func eight() throws { try bits(["data.batch=33"], 8) }

  @Test("differ from one process by rounding if their number is not a power of two")
  func rounding() throws {
    let folder = ScratchFolder()
    let recipe = try Self.recipe(folder, ["run.precision=float32", "run.steps=2"])
    let alone = try Self.trained(recipe)
    for together in try Threads.run(3, { try Self.trained(recipe, $0) }) {
      for (a, b) in zip(together.bits.joined(), alone.bits.joined()) { #expect(abs(a - b) < 1e-4 * max(1, abs(b))) }
    }
  }

  @Test("accumulated batches give the bits of a batch as large; batch statistics are those of each batch")
  func accumulation() throws {
    let folder = ScratchFolder()
    let flags = ["run.precision=float32", "run.steps=2"]
    let large = try Self.trained(try Self.recipe(folder, flags))
    let small = try Self.trained(try Self.recipe(folder, flags + ["data.batch=2", "optimizer.accumulate=4"]))
    #expect(small.bits == large.bits && small.record == large.record)

    let plain = flags + ["outer=[{ objective: cross_entropy }]", "model.batch_norm=train", "run.precision=float64"]
    let setup = try Setup(try Self.recipe(folder, plain + ["data.batch=4", "optimizer.accumulate=2"]))
    let batch = try setup.train.batch(step: 0)
    #expect(batch.labels.count == 8)
    func outcome(_ step: MetaStep, _ network: Network, _ images: Range<Int>) throws -> MetaStep.Outcome {
      var random = RandomSource(state: 1)
      return try step(
        network, batch.images.sliced(axis: 0, from: images.lowerBound, length: images.count),
        labels: Array(batch.labels[images]), random: &random)
    }
    let all = try outcome(setup.step, setup.network, 0..<8)
    let first = try outcome(setup.step, setup.network, 0..<4)
    let second = try outcome(setup.step, try #require(first.statistics), 4..<8)
    for (index, gradient) in all.gradients.enumerated() {
      #expect(relativeError(gradient, (first.gradients[index] + second.gradients[index]) * 0.5) < 1e-9)
    }
    let (found, expected) = (try #require(all.statistics), try #require(second.statistics))
    for (a, b) in zip(found.state, expected.state) where a.kind == .statistic {
      #expect(relativeError(a.value, b.value) < 1e-12)
    }
  }

  @Test("refuse a batch that has fewer images than there are processes")
  func small() throws {
    let folder = ScratchFolder()
    let recipe = try Self.recipe(folder, ["data.batch=2"])
    let errors = try Threads.run(3) { communicator -> String in
      do {
        _ = try Setup(recipe, communicator: communicator)
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(errors.allSatisfy { $0.contains("data.batch") && $0.contains("3 processes") })
  }

  /// The bytes of a file without the name of the folder, which checkpoints contain in their recipe.
  private static func withoutFolder(_ folder: ScratchFolder, _ file: String) -> Data? {
    guard let data = FileManager.default.contents(atPath: folder.file("run/" + file)) else { return nil }
    guard file.hasSuffix(".h5") else { return data }
    guard let checkpoint = try? Checkpoint(contentsOf: folder.file("run/" + file)) else { return nil }
    return Data(checkpoint.network.state.flatMap { $0.value.doubles }.flatMap { withUnsafeBytes(of: $0) { Array($0) } })
  }
}
