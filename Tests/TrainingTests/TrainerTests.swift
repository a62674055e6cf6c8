import Components
import Foundation
import Formats
import Networks
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite("Training runs") struct TrainerTests: MakesShortRuns {
  let runs = ShortRuns()

  @Test(
    "a run interrupted after any step and resumed ends in the same bytes as one that never stopped",
    arguments: ["adam", "sgd", "batch", "reference"])
  func resume(_ kind: String) throws {
    let overrides =
      switch kind {
      case "sgd": ["optimizer={name: sgd, rate: 0.01, momentum: 0.9, nesterov: true}"]
      case "batch": ["model.batch_norm=train", "inner.scope=batch", "optimizer.name=adamw"]
      case "reference":
        [
          "outer=[{ objective: distillation, loss: sigmoid }, { objective: weight_agreement, similarity: spearman }, "
            + "{ objective: class_sensitivity, at: plain, against: all, classes: 3 }, { objective: attention_separation }, "
            + "{ objective: total_variation }, { objective: sparsity, at: virtual }]"
        ]
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

  @Test("a run writes its recipe, metrics, checkpoints and figures, and improves its loss")
  func traces() throws {
    let run = try run(try setup(), "run")
    let files = try FileManager.default.subpathsOfDirectory(atPath: run.path).sorted()
    #expect(
      files.contains("recipe.yaml") && files.contains("checkpoints/last.h5") && files.contains("checkpoints/best.h5"))
    #expect(files.filter { $0.hasPrefix("figures/") }.count == 2)
    #expect(!files.contains { $0.hasSuffix(".part") })
    let lines = try String(contentsOfFile: run.metrics, encoding: .utf8).split(separator: "\n")
    let events = try lines.map { try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]) }
    #expect(events.filter { $0["event"] as? String == "step" }.count == 9)
    #expect(events.filter { $0["event"] as? String == "evaluation" }.compactMap { $0["step"] as? Int } == [0, 4, 8, 9])
    #expect(try Recipe.load(run.recipe).run.steps == 9)
    #expect(try Checkpoint(contentsOf: run.last).step == 9)
  }

  @Test("a run with `recompute` trains the same network")
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

  @Test("a new run in a folder with a run is refused, and the folder is unchanged")
  func occupied() throws {
    let run = try run(try setup(["run.steps=1"]), "run")
    let before = try Files.read(run.last)
    let error = #expect(throws: FileError.self) { try self.run(try setup(), "run") }
    #expect(error?.kind == .unwritable)
    #expect(try Files.read(run.last) == before)
  }

  @Test("a loss that is not finite stops the run, with the step, the objective and the last good checkpoint")
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

  @Test("layers, patterns and class counts that do not fit the network are errors with the key's place")
  func unfit() throws {
    for (override, message) in [
      ("saliency.layers=[features.55]", "did you mean 'features.5'?"),
      ("inner.parameters=[layer*]", "fits no parameter"),
      ("optimizer.groups=[{ parameters: [layer*], rate_factor: 0 }]", "fits no parameter"),
      ("optimizer.groups=[{ parameters: ['*'], rate_factor: 0 }]", "nothing would be trained"),
      ("model.classes=3", "the data have 4"), ("data.batch=21", "has only 20"),
      ("data.validation={scenes: {count: 3}}", "classes"),
    ] {
      let error = #expect(throws: RecipeError.self) { try setup([override]) }
      #expect(error?.description.contains(message) == true, "\(String(describing: error))")
    }
  }

  @Test(
    "a run resumed with another optimizer starts with an empty optimizer state, like a new run with the same weights",
    arguments: [
      ("{name: sgd, rate: 0.01, momentum: 0.9}", "{name: adam, rate: 0.003}"),
      ("{name: sgd, rate: 0.01}", "{name: adamw, rate: 0.003}"),
      ("{name: adam, rate: 0.003}", "{name: sgd, rate: 0.01, momentum: 0.9}"),
    ])
  func otherOptimizer(_ old: String, _ new: String) throws {
    let (before, after) = (try setup(["optimizer=\(old)"]), try setup(["optimizer=\(new)"]))
    for (optimizer, other) in [(after, true), (before, false)] {
      let name = "resumed-\(other)"
      #expect(throws: RunEnd.self) { try run(before, name, stopAfter: 5) }
      let heard = Heard()
      let folder = RunFolder(folder.file(name))
      let stopped = try Checkpoint(contentsOf: folder.last)
      try Trainer(try setup(["optimizer=\(other ? new : old)"], logger: heard.logger), folder: folder).run(.resume)
      #expect(heard.text.contains("another one, and begins with nothing remembered") == other)
      let state = try Checkpoint(contentsOf: folder.last).optimizer
      #expect(state.updates == (other ? 4 : 9) && stopped.optimizer.updates == 5)
      #expect(state.rule == optimizer.recipe.optimizer.rule.memory)
    }
  }

  @Test("a run resumed with other values records that in its recipe, its checkpoint, its log and its report")
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
    let page = try Report.page([RunRecord(run.path)], in: ".")
    #expect(page.contains("rate: 0.002") && page.contains("after step 5") && page.contains("0.003 → 0.002"))
  }

  @Test("the best score is measured anew if the outer loss has changed")
  func otherObjectives() throws {
    #expect(throws: RunEnd.self) { try self.run(try setup(), "run", stopAfter: 5) }
    let best = try Checkpoint(contentsOf: RunFolder(folder.file("run")).best)
    let changed = try setup(["outer.0.weight=100", "outer.1.weight=0"])
    let score = changed.score(try changed.evaluate(best.network, title: ""))
    let run = try self.run(changed, "run", resumes: true)
    let after = try Checkpoint(contentsOf: run.last)
    #expect(try #require(after.ranking.best) <= score)
    #expect(try Checkpoint(contentsOf: run.best).network.parameters.count == best.network.parameters.count)
  }

}
