import Foundation
import Formats
import Networks
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite("Training runs") struct TrainerTests {
  private let folder = ScratchFolder()

  private func setup(_ overrides: [String] = []) throws -> Setup {
    let path = try folder.write(
      "r.yaml",
      """
      model: { architecture: plain }
      data:
        train: { scenes: { count: 20, size: 16, classes: 4 } }
        validation: { scenes: { count: 6, size: 16, classes: 4, seed: 1 } }
        augmentation: [horizontal_flip, padded_crop]
        batch: 4
      inner: { rate: 0.02 }
      saliency: { method: normgrad, layers: [features.5, features.8] }
      outer:
        - { objective: cross_entropy }
        - { objective: class_sensitivity, weight: 0.5, against: random }
      optimizer: { name: adam, rate: 0.003, schedule: { name: one_cycle, warmup: 0.3 }, clip_norm: 1 }
      evaluation: { images: 6, every: 4, methods: [normgrad, grad_cam], virtual_rate: 0.02, pictures: 2 }
      run: { steps: 9, checkpoint_every: 3, output: unused }
      """)
    return try Setup(try Recipe.load(path, overrides: overrides))
  }

  private func run(_ setup: Setup, _ name: String, resumes: Bool = false, stopAfter: Int = .max) throws -> RunFolder {
    let run = RunFolder(folder.file(name))
    let steps = Counter()
    let trainer = Trainer(setup, folder: run, isInterrupted: { steps.next() >= stopAfter }) { _ in }
    try trainer.run(resumes ? .resume : .new)
    return run
  }

  private final class Counter {
    private var count = 0
    func next() -> Int {
      count += 1
      return count
    }
  }

  private func contents(_ path: String) throws -> [String: [Double]] {
    let contents = try HDF5File.read(path)
    return Dictionary(
      uniqueKeysWithValues: contents.dataSets.map { path, value in
        switch value {
        case .tensor(let tensor), .half(let tensor): (path, tensor.doubles)
        case .integers(let integers): (path, integers.map { Double($0) })
        }
      })
  }

  @Test(
    "a run interrupted after any step and resumed ends in the same bytes as one that never stopped",
    arguments: ["adam", "sgd", "batch"])
  func resume(_ kind: String) throws {
    let overrides =
      switch kind {
      case "sgd": ["optimizer={name: sgd, rate: 0.01, momentum: 0.9, nesterov: true}"]
      case "batch": ["model.batch_norm=train", "inner.scope=batch", "optimizer.name=adamw"]
      default: [String]()
      }
    let setup = try setup(overrides)
    let whole = try run(setup, "whole")
    for step in [1, 5, 8] {
      let name = "stopped-\(step)"
      let error = #expect(throws: RunEnd.self) { try run(setup, name, stopAfter: step) }
      guard case .interrupted(step, _) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      let resumed = try run(setup, name, resumes: true)
      #expect(try contents(resumed.last) == contents(whole.last))
      #expect(try contents(resumed.best) == contents(whole.best))
      #expect(try Files.read(resumed.metrics) == Files.read(whole.metrics))
    }
  }

  @Test("a run leaves its recipe, metrics, checkpoints and pictures, and improves what it trains")
  func traces() throws {
    let run = try run(try setup(), "run")
    let files = try FileManager.default.subpathsOfDirectory(atPath: run.path).sorted()
    #expect(
      files.contains("recipe.yaml") && files.contains("checkpoints/last.h5") && files.contains("checkpoints/best.h5"))
    #expect(files.filter { $0.hasPrefix("pictures/") }.count == 2)
    #expect(!files.contains { $0.hasSuffix(".part") })
    let lines = try String(contentsOfFile: run.metrics, encoding: .utf8).split(separator: "\n")
    let events = try lines.map { try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]) }
    #expect(events.filter { $0["event"] as? String == "step" }.count == 9)
    #expect(events.filter { $0["event"] as? String == "evaluation" }.compactMap { $0["step"] as? Int } == [0, 4, 8, 9])
    #expect(try Recipe.load(run.recipe).run.steps == 9)
    #expect(try Checkpoint(contentsOf: run.last).step == 9)
  }

  @Test("a recipe that asks for it recomputes, and trains the same network")
  func recomputation() throws {
    let weights = try ["false", "true"].map { recompute in
      let setup = try setup(["run.recompute=\(recompute)", "run.steps=3"])
      #expect(setup.step.recomputes == (recompute == "true"))
      let run = try run(setup, "recompute-\(recompute)")
      return Tensor(try Checkpoint(contentsOf: run.last).network.parameters.flatMap(\.doubles))
    }
    #expect(relativeError(weights[1], weights[0]) < 1e-3)
  }

  @Test("checkpoints do not depend on the number of workers")
  func workers() throws {
    let one = try run(try setup(["run.workers=1"]), "one")
    let three = try run(try setup(["run.workers=3", "data.workers=3"]), "three")
    #expect(try contents(one.last) == contents(three.last))
  }

  @Test("a run into a folder that holds one is refused and leaves it as it was")
  func occupied() throws {
    let run = try run(try setup(["run.steps=1"]), "run")
    let before = try Files.read(run.last)
    let error = #expect(throws: FileError.self) { try self.run(try setup(), "run") }
    #expect(error?.kind == .unwritable)
    #expect(try Files.read(run.last) == before)
  }

  @Test("a loss that is no number stops the run, and says at which step, of what, and which checkpoint is good")
  func divergence() throws {
    let setup = try setup(["optimizer={name: sgd, rate: 1e30}", "run.checkpoint_every=1"])
    let error = #expect(throws: RunEnd.self) { try run(setup, "run") }
    guard case .diverged(let step, let what, let checkpoint) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(step >= 1 && !what.isEmpty)
    if let checkpoint { #expect(try Checkpoint(contentsOf: checkpoint).network.parameters.allSatisfy(\.isFinite)) }
  }

  @Test("an export has PyTorch's names and shapes and the checkpoint's values", arguments: WeightFile.Format.allCases)
  func export(_ format: WeightFile.Format) throws {
    let run = try run(try setup(["run.steps=1"]), "run")
    let path = folder.file("export")
    let count = try Export.write(checkpoint: run.last, as: format, to: path)
    let weights = try WeightFile.read(path)
    let network = try Checkpoint(contentsOf: run.last).network
    #expect(count == weights.entries.count)
    let back = try Architecture.plain.network(classes: 4).loading(weights.entries)
    #expect(back.state.map(\.value.floats) == network.state.map(\.value.floats))
  }

  @Test("layers, patterns and class counts that don't fit the network are errors with the key's place")
  func unfit() throws {
    for (override, message) in [
      ("saliency.layers=[features.55]", "did you mean 'features.5'?"),
      ("inner.parameters=[layer*]", "fits no parameter"),
      ("model.classes=3", "data.train has 4"), ("data.batch=21", "has only 20"),
      ("data.validation={scenes: {count: 3}}", "classes"),
    ] {
      let error = #expect(throws: RecipeError.self) { try setup([override]) }
      #expect(error?.description.contains(message) == true, "\(String(describing: error))")
    }
  }
}
