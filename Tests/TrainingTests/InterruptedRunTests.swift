import Components
import Foundation
import Formats
import Networks
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite("Runs that end early") struct InterruptedRunTests: MakesShortRuns {
  let runs = ShortRuns()

  /// Writes folders of training and validation images, and returns the recipe's settings for them.
  private func writeImages() throws -> [String] {
    for (part, count) in [("train", 10), ("validation", 3)] {
      for name in ["ant", "bee"] {
        try Files.makeFolder(folder.file("\(part)/\(name)"))
        for i in 0..<count {
          try RGBImage(width: 16, height: 16, pixels: (0..<768).map { UInt8(truncatingIfNeeded: $0 * (i + 1)) })
            .writePNG(
              to: folder.file("\(part)/\(name)/\(i).png"))
        }
      }
    }
    return
      ["train", "validation"].map { "data.\($0)={ folder: \(folder.file($0)) }" } + [
        "evaluation.every=3", "run.checkpoint_every=0",
      ]
  }

  @Test(
    "a run that an error stops saves the completed steps, and resumes to the same bytes when the cause is removed"
  )
  func failure() throws {
    let overrides = try writeImages()
    let setup = try setup(overrides)
    let whole = try run(setup, "whole")
    // An image that is first read in the fourth batch, and an image that only the evaluation reads.
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

  @Test("an error during an evaluation saves the network, and the evaluation is made when the run is resumed")
  func failureInMeasuring() throws {
    let setup = try setup(try writeImages())
    let whole = try run(setup, "whole")
    let image = folder.file("validation/bee/1.png")
    let good = try Data(contentsOf: URL(fileURLWithPath: image))
    // The image breaks after the first evaluation of the network.
    let trainer = Trainer(
      setup, folder: RunFolder(folder.file("stopped")),
      isInterrupted: {
        try? good.prefix(good.count / 2).write(to: URL(fileURLWithPath: image))
        return false
      })
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

  @Test("a run that ended before its first checkpoint starts anew")
  func beforeCheckpoint() throws {
    let setup = try setup()
    let whole = try run(setup, "whole")
    for kept in [
      [], ["recipe.yaml"], ["recipe.yaml", "metrics.jsonl"], ["recipe.yaml", "metrics.jsonl", "checkpoints/best.h5"],
    ] {
      let stopped = RunFolder(folder.file("stopped-\(kept.count)"))
      try Files.makeFolder(stopped.path + "/checkpoints")
      for name in kept {
        try FileManager.default.copyItem(atPath: whole.path + "/" + name, toPath: stopped.path + "/" + name)
      }
      let resumed = try run(setup, "stopped-\(kept.count)", resumes: true)
      #expect(try contents(resumed.last) == contents(whole.last))
      #expect(try contents(resumed.best) == contents(whole.best))
      #expect(try Files.read(resumed.metrics) == Files.read(whole.metrics))
    }
  }

  /// The messages of a run that is resumed with another recipe in its last checkpoint.
  private func resumed(_ name: String, storing recipe: (String) -> String) throws -> (run: RunFolder, said: String) {
    let run = RunFolder(folder.file(name))
    #expect(throws: RunEnd.self) { try self.run(try setup(), name, stopAfter: 4) }
    var state = try Checkpoint(contentsOf: run.last)
    state.recipe = recipe(state.recipe)
    try state.write(to: run.last)
    let heard = Heard()
    try Trainer(try setup(logger: heard.logger), folder: run).run(.resume)
    return (run, heard.text)
  }

  /// The changes of the recipe in a run's log.
  private func loggedChanges(_ run: RunFolder) throws -> [[String: [String]]] {
    try Files.lines(run.metrics).compactMap {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }.filter { $0["event"] as? String == "recipe" }.compactMap { $0["changes"] as? [String: [String]] }
  }

  @Test("invalid parts of a stored recipe are reported, and their values do not count as changed")
  func storedInPart() throws {
    let (run, said) = try resumed("part") {
      $0.replacing("norm: 1", with: "norm: -1").replacing("rate: 0.003", with: "rate: 0.002")
        .replacing("warmup: 0.3", with: "warmup: many") + "\nformer: { key: 1 }\n"
    }
    let refused = said.split(separator: "\n").drop { !$0.hasPrefix("Of the checkpoint's recipe") }.dropFirst()
      .prefix { $0.hasPrefix("  ") }
    #expect(refused.count == 3, "\(said)")
    for (line, part) in zip(refused, ["optimizer.clip.norm: ", "optimizer.schedule.warmup: ", "former: unknown key"]) {
      #expect(refused.contains { $0.hasPrefix("  \(run.last):") && $0.contains(part) }, "\(line) \(part)")
    }
    let changed = said.split(separator: "\n").drop { !$0.hasPrefix("The recipe has changed") }.dropFirst()
      .prefix { $0.hasPrefix("  ") }
    #expect(changed == ["  optimizer.rate: 0.002 → 0.003"])
    #expect(try loggedChanges(run) == [["optimizer.rate": ["0.002", "0.003"]]])
    let state = try Checkpoint(contentsOf: run.last)
    let now = try setup().recipe.yaml
    #expect(state.step == 9 && state.recipe == now)
  }

  @Test("values lost with an invalid part do not count as changed, and new values do")
  func lostTogether() throws {
    let recipe = try setup().recipe
    func changed(_ old: String, _ new: String) -> [String] {
      #expect(recipe.yaml.contains(old), "\(recipe.yaml)")
      let stored = StoredRecipe(recipe.yaml.replacing(old, with: new), source: "last.h5")
      #expect(!stored.problems.isEmpty, "\(new)")
      return recipe.changes(since: stored.recipe).map(\.key).filter(stored.isKnown)
    }
    // A schedule, an objective, a data set of the same kind, and one of another kind.
    #expect(changed("warmup: 0.3", "warmup: many").isEmpty)
    #expect(changed("weight: 0.5", "weight: many").isEmpty)
    #expect(changed("count: 20", "count: -20").isEmpty)
    #expect(changed("scenes:\n      count: 20", "scenes:\n      former: 1\n      count: 20").isEmpty)
    let other = recipe.yaml.replacing(
      #/train:\n    scenes:\n(      .*\n)+/#, with: "train:\n    folder: 3.5e\n    former: 1\n")
    let stored = StoredRecipe(other, source: "last.h5")
    #expect(!stored.problems.isEmpty)
    #expect(
      recipe.changes(since: stored.recipe).map(\.key).filter(stored.isKnown).allSatisfy {
        !$0.hasPrefix("data.train") || !other.contains($0)
      })
    let newer = StoredRecipe(
      recipe.yaml.replacing("warmup: 0.3", with: "warmup: many").replacing("rate: 0.003", with: "rate: 0.1"), source: ""
    )
    #expect(recipe.changes(since: newer.recipe).map(\.key).filter(newer.isKnown) == ["optimizer.rate"])
  }

  @Test("an unreadable stored recipe is reported, and the run ends in the bytes of one that never stopped")
  func storedUnread() throws {
    let whole = try run(try setup(), "whole")
    let (run, said) = try resumed("unread") { _ in "[not, a: recipe" }
    #expect(
      said.contains("Of the checkpoint's recipe this is not taken any more:\n  \(run.last):2: not YAML"), "\(said)")
    #expect(said.contains("the run goes on with the recipe as it is now.\n") && !said.contains(" → "))
    #expect(try loggedChanges(run).isEmpty)
    #expect(try contents(run.last) == contents(whole.last))
    #expect(try Files.read(run.metrics) == Files.read(whole.metrics))
  }

  @Test("the progress line has all objectives, numbered if there are several of a kind")
  func progress() throws {
    let setup = try setup([
      "outer=[{ objective: cross_entropy }, { objective: class_sensitivity }, { objective: class_sensitivity, against: second }]"
    ])
    let line = ProgressObserver.summary(
      .init(
        step: 1, loss: 1, objectives: zip(setup.trainingStep.objectiveNames, [2.0, 3, 4]).map { ($0, $1) },
        gradientNorm: 1, rate: 0.1))
    #expect(line == "loss 1.000  cross_entropy 2.000  class_sensitivity_1 3.000  class_sensitivity_2 4.000")
  }
}
