import Components
import Foundation
import Formats
import Networks
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite("Runs that end early") struct InterruptedRunTests {
  private let runs = ShortRuns()
  private var folder: ScratchFolder { runs.folder }

  private func setup(_ overrides: [String] = []) throws -> Setup { try runs.setup(overrides) }

  private func run(_ setup: Setup, _ name: String, resumes: Bool = false, stopAfter: Int = .max) throws -> RunFolder {
    try runs.run(setup, name, resumes: resumes, stopAfter: stopAfter)
  }

  private func contents(_ path: String) throws -> [String: [Double]] { try runs.contents(path) }

  /// Makes folders of images to train on and to measure, and returns what a recipe says of them.
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
    "a run that an error stops saves the steps before, and goes on from there to the same bytes when the cause is mended"
  )
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
      }
    ) { _ in }
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

  @Test("a run's line of progress has all of its objectives, numbered where there are several of a kind")
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
