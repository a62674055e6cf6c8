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
    let setup = try setup(["optimizer={name: sgd, rate: 1e6}", "run.checkpoint_every=1"])
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
      ("model.classes=3", "the data have 4"), ("data.batch=21", "has only 20"),
      ("data.validation={scenes: {count: 3}}", "classes"),
    ] {
      let error = #expect(throws: RecipeError.self) { try setup([override]) }
      #expect(error?.description.contains(message) == true, "\(String(describing: error))")
    }
  }

  @Test(
    "a run resumed with another optimizer begins with nothing remembered, as a new one would on the same weights",
    arguments: [
      ("{name: sgd, rate: 0.01, momentum: 0.9}", "{name: adam, rate: 0.003}"), ("{name: sgd, rate: 0.01}", "{name: adamw, rate: 0.003}"),
      ("{name: adam, rate: 0.003}", "{name: sgd, rate: 0.01, momentum: 0.9}"),
    ])
  func otherOptimizer(_ old: String, _ new: String) throws {
    let (before, after) = (try setup(["optimizer=\(old)"]), try setup(["optimizer=\(new)"]))
    for (optimizer, other) in [(after, true), (before, false)] {
      let name = "resumed-\(other)"
      #expect(throws: RunEnd.self) { try run(before, name, stopAfter: 5) }
      var said = ""
      let folder = RunFolder(folder.file(name))
      let stopped = try Checkpoint(contentsOf: folder.last)
      try Trainer(optimizer, folder: folder) { said += $0 }.run(.resume)
      #expect(said.contains("another one, and begins with nothing remembered") == other)
      let state = try Checkpoint(contentsOf: folder.last).optimizer
      #expect(state.updates == (other ? 4 : 9) && stopped.optimizer.updates == 5)
      #expect(state.rule == optimizer.recipe.optimizer.optimizer.name)
    }
  }

  @Test("a run resumed with other values says so in its recipe, its checkpoint, its log and its report")
  func otherValues() throws {
    #expect(throws: RunEnd.self) { try self.run(try setup(), "run", stopAfter: 5) }
    let changed = try setup(["optimizer.rate=0.002", "run.workers=2", "outer.1.weight=0.25", "run.steps=8"])
    let run = try self.run(changed, "run", resumes: true)
    #expect(try Recipe.load(run.recipe).yaml == changed.recipe.yaml)
    #expect(try Checkpoint(contentsOf: run.last).recipe == changed.recipe.yaml)
    let log = try String(contentsOfFile: run.metrics, encoding: .utf8)
    #expect(
      log.split(separator: "\n").filter { $0.contains(#""event":"recipe""#) } == [
        #"{"changes":{"optimizer.rate":["0.003","0.002"],"outer.1.weight":["0.5","0.25"],"run.steps":["9","8"]},"event":"recipe","step":5}"#
      ])
    let page = try Report.page([RunRecord(run.path)])
    #expect(page.contains("rate: 0.002") && page.contains("after step 5") && page.contains("0.003 → 0.002"))
  }

  @Test("a best score by another outer loss is not compared with, but measured anew")
  func otherObjectives() throws {
    #expect(throws: RunEnd.self) { try self.run(try setup(), "run", stopAfter: 5) }
    let best = try Checkpoint(contentsOf: RunFolder(folder.file("run")).best)
    let changed = try setup(["outer.0.weight=100", "outer.1.weight=0"])
    let score = changed.score(try changed.evaluate(best.network, title: ""))
    let run = try self.run(changed, "run", resumes: true)
    let after = try Checkpoint(contentsOf: run.last)
    #expect(try #require(after.best) <= score)
    #expect(try Checkpoint(contentsOf: run.best).network.parameters.count == best.network.parameters.count)
  }

  /// Makes folders of images to train on and to measure, and returns what a recipe says of them.
  private func writeImages() throws -> [String] {
    for (part, count) in [("train", 10), ("validation", 3)] {
      for name in ["ant", "bee"] {
        try Files.makeFolder(folder.file("\(part)/\(name)"))
        for i in 0..<count {
          try Picture(width: 16, height: 16, pixels: (0..<768).map { UInt8(truncatingIfNeeded: $0 * (i + 1)) }).writePNG(
            to: folder.file("\(part)/\(name)/\(i).png"))
        }
      }
    }
    return
      ["train", "validation"].map { "data.\($0)={ folder: \(folder.file($0)) }" } + [
        "evaluation.every=3", "run.checkpoint_every=0",
      ]
  }

  @Test("a run that an error stops saves the steps before, and goes on from there to the same bytes when the cause is mended")
  func failure() throws {
    let overrides = try writeImages()
    let setup = try setup(overrides)
    let whole = try run(setup, "whole")
    // Images of the fourth batch, which are read for the first time then; and one that the evaluation reads.
    let late = try #require(try setup.train.batch(step: 3).indices.first)
    let image = folder.file("train/\(["ant", "bee"][late / 10])/\(late % 10).png")
    let good = try Data(contentsOf: URL(fileURLWithPath: image))
    try good.prefix(good.count / 2).write(to: URL(fileURLWithPath: image))
    let error = #expect(throws: RunEnd.self) { try run(try self.setup(overrides), "stopped") }
    guard case .failed(let step, let checkpoint?, let cause) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(step == 3 && (cause as? FileError)?.file == image)
    #expect(try Checkpoint(contentsOf: checkpoint).step == 3)
    try good.write(to: URL(fileURLWithPath: image))
    let resumed = try run(try self.setup(overrides), "stopped", resumes: true)
    #expect(try contents(resumed.last) == contents(whole.last))
    #expect(try contents(resumed.best) == contents(whole.best))
    #expect(try Files.read(resumed.metrics) == Files.read(whole.metrics))
  }

  @Test("an error while the network is measured saves it, and what was to be measured is measured when the run goes on")
  func failureInMeasuring() throws {
    let setup = try setup(try writeImages())
    let whole = try run(setup, "whole")
    let image = folder.file("validation/bee/1.png")
    let good = try Data(contentsOf: URL(fileURLWithPath: image))
    // It breaks after the network was measured for the first time.
    let trainer = Trainer(
      setup, folder: RunFolder(folder.file("stopped")),
      isInterrupted: {
        try? good.prefix(good.count / 2).write(to: URL(fileURLWithPath: image))
        return false
      }) { _ in }
    let error = #expect(throws: RunEnd.self) { try trainer.run() }
    guard case .failed(3, .some, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    try good.write(to: URL(fileURLWithPath: image))
    let resumed = try run(setup, "stopped", resumes: true)
    #expect(try contents(resumed.last) == contents(whole.last))
    #expect(try contents(resumed.best) == contents(whole.best))
    #expect(try Files.read(resumed.metrics) == Files.read(whole.metrics))
  }

  @Test("a run that was ended before its first checkpoint begins anew")
  func beforeCheckpoint() throws {
    let setup = try setup()
    let whole = try run(setup, "whole")
    for kept in [[], ["recipe.yaml"], ["recipe.yaml", "metrics.jsonl"], ["recipe.yaml", "metrics.jsonl", "checkpoints/best.h5"]] {
      let stopped = RunFolder(folder.file("stopped-\(kept.count)"))
      try Files.makeFolder(stopped.path + "/checkpoints")
      for name in kept { try FileManager.default.copyItem(atPath: whole.path + "/" + name, toPath: stopped.path + "/" + name) }
      let resumed = try run(setup, "stopped-\(kept.count)", resumes: true)
      #expect(try contents(resumed.last) == contents(whole.last))
      #expect(try contents(resumed.best) == contents(whole.best))
      #expect(try Files.read(resumed.metrics) == Files.read(whole.metrics))
    }
  }

  @Test("a run's line of progress has all of its objectives, numbered where there are several of a kind")
  func progress() throws {
    let setup = try setup([
      "outer=[{ objective: cross_entropy }, { objective: class_sensitivity }, { objective: class_sensitivity, against: second }]"
    ])
    let trainer = Trainer(setup, folder: RunFolder(folder.file("run"))) { _ in }
    let line = trainer.summary(["loss": 1.0, "cross_entropy": 2.0, "class_sensitivity_1": 3.0, "class_sensitivity_2": 4.0])
    #expect(line == "loss 1.000  cross_entropy 2.000  class_sensitivity_1 3.000  class_sensitivity_2 4.000")
  }

  @Test("a run in float64 trains, stores, resumes and exports in float64")
  func double() throws {
    let setup = try setup(["run.precision=float64", "optimizer.name=adamw"])
    let whole = try run(setup, "whole")
    let state = try Checkpoint(contentsOf: whole.last)
    #expect(state.network.scalarType == .float64)
    #expect(state.optimizer.slots.values.allSatisfy { $0.allSatisfy { $0.scalarType == .float64 } })
    // More than float32 holds.
    #expect(state.network.parameters[0].doubles.contains { Double(Float($0)) != $0 })
    #expect(throws: RunEnd.self) { try run(setup, "stopped", stopAfter: 5) }
    let resumed = try run(setup, "stopped", resumes: true)
    #expect(try contents(resumed.last) == contents(whole.last))
    #expect(try Files.read(resumed.metrics) == Files.read(whole.metrics))

    let exported = folder.file("export.safetensors")
    _ = try Export.write(checkpoint: whole.last, as: .safetensors, to: exported)
    #expect(try WeightFile.read(exported).entries.map(\.value.doubles) == state.network.stateDictionary.map(\.value.doubles))
    _ = try Export.write(checkpoint: whole.last, as: .onnx, to: folder.file("export.onnx"))
    // As weights of another run they lose nothing either.
    #expect(
      try Setup(setup.recipe, weights: exported).network.parameters.map(\.doubles) == state.network.parameters.map(\.doubles))
  }

  @Test("training in either precision goes the same way, as far as float32 can")
  func precisions() throws {
    let weights = try ["float32", "float64"].map { precision in
      let run = try run(try setup(["run.precision=\(precision)", "run.steps=2", "optimizer={name: sgd, rate: 0.01}"]), precision)
      return Tensor(try Checkpoint(contentsOf: run.last).network.parameters.flatMap(\.doubles))
    }
    #expect(relativeError(weights[0], weights[1]) < 1e-3)
    #expect(weights[0].doubles != weights[1].doubles)
  }

  @Test("how far float32 takes the first gradient is measured, and told where that is far")
  func comparison() throws {
    let near = try #require(try setup().comparePrecisions())
    #expect(near.difference > 0 && near.difference < 1e-3 && near.note == nil)
    #expect(try setup(["run.precision=float64"]).comparePrecisions() == nil)
    #expect(try setup(["run.compare_precision=false"]).comparePrecisions() == nil)
    #expect(try setup(["model.batch_norm=train", "inner.scope=batch"]).comparePrecisions()?.note == nil)
    let far = PrecisionComparison(difference: 0.29, images: 1, seconds: 0.8).note
    #expect(far?.contains("29.0%") == true && far?.contains("precision: float64") == true)
    #expect(PrecisionComparison(difference: .nan, images: 3, seconds: 1).note != nil)
  }

  @Test(
    "what a run would stumble over is told before it begins",
    arguments: [
      ("data={ train: { folder: one }, validation: { folder: one }, batch: 2 }", "outer.1: maps are held against"),
      (
        "data={ train: { folder: one }, validation: { folder: one }, batch: 2 } outer=[{ objective: cross_entropy }]",
        "evaluation.measures: class_sensitivity compares maps of two classes"
      ),
      (
        "data={ train: { folder: one }, validation: { folder: one }, batch: 2 } outer=[{ objective: cross_entropy }] "
          + "evaluation={ measures: [sparseness], methods: [competitive/normgrad] }", "one class"
      ),
      ("evaluation={ images: 6, measures: [grid_pointing], grid_side: 3 }", "needs 9 classes and images"),
      ("evaluation={ images: 3, measures: [grid_pointing] }", "3 images are measured"),
      ("evaluation={ methods: [rise], layers: [input] }", "only layer is 'input', not 'features.5' (what section 'saliency'"),
      ("evaluation={ methods: [normgrad_conv], layers: [features.9] }", "maps at convolutions alone"),
      ("model.architecture=vgg11 saliency.layers=[features.0] data={ train: { scenes: { count: 4, size: 32, classes: 4 } }, "
        + "validation: { scenes: { count: 4, size: 32, classes: 4 } }, batch: 2, "
        + "augmentation: [{ random_resized_crop: { size: 16 } }] }", "training images of 16×16"),
      ("model.architecture=resnet18 model.batch_norm=train saliency.layers=[layer2] data.batch=1", "sees one location of one image"),
    ])
  func stumblingBlocks(_ flags: String, _ message: String) throws {
    for index in 0..<2 {
      try Files.makeFolder(folder.file("one/ant"))
      try Picture(width: 16, height: 16, pixels: [UInt8](repeating: UInt8(40 * index), count: 768)).writePNG(
        to: folder.file("one/ant/\(index).png"))
    }
    let overrides = flags.replacing(#/ (?=[a-z]+(\.[a-z_]+)?=)/#, with: "\n").split(separator: "\n").map(String.init)
      .map { $0.replacing("folder: one", with: "folder: \(folder.file("one"))") }
    let error = #expect(throws: RecipeError.self) { try setup(overrides) }
    #expect(error?.description.contains(message) == true, "\(String(describing: error))")
  }

  @Test("what memory a run takes is estimated, and refused where there is less, with what to lower")
  func memory() throws {
    let setup = try setup()
    #expect(setup.memory.training > 16e6 && setup.memory.training < 1e9, "\(setup.memory.training)")
    #expect(setup.memory.evaluation < setup.memory.training)
    #expect(setup.summary.contains("in training"))
    let error = #expect(throws: RecipeError.self) {
      try setup.memory.require(of: setup.recipe, trains: true, available: 1 << 20)
    }
    #expect(error?.description.contains("where 1 MiB are available") == true)
    try setup.memory.require(of: setup.recipe, trains: true, available: nil)
    #expect(throws: RecipeError.self) {
      try self.setup([
        "model={ architecture: sequential, layers: [conv 65536, global_average_pool, linear] }", "saliency.layers=['0']",
        "data.train={ scenes: { count: 4, size: 1024, classes: 4 } }", "data.batch=4",
      ])
    }
  }
}
