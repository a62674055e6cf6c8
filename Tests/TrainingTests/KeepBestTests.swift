import Foundation
import Formats
import TestSupport
import Testing

@testable import Training

@Suite("Runs that keep several best networks") struct KeepBestTests: MakesShortRuns {
  let runs = ShortRuns()

  private func steps(_ run: RunFolder) throws -> [Int] {
    try FileManager.default.contentsOfDirectory(atPath: run.path + "/checkpoints")
      .compactMap { $0.hasPrefix("best-") ? Int($0.dropFirst(5).dropLast(3)) : nil }.sorted()
  }

  @Test(
    "the checkpoints of the lowest scores are kept by their steps, also by a run that was stopped",
    arguments: [2, 3, 99])
  func kept(_ count: Int) throws {
    // A network that is trained already does not take every image for the same class.
    let setup = try setup([
      "run.keep_best=\(count)", "evaluation.every=2",
      "model.weights=\(fixture("../../../checkpoints/plain-scenes.safetensors"))",
      "data.train={ scenes: { count: 20 } }", "data.validation={ scenes: { count: 6, seed: 1 } }",
    ])
    let whole = try run(setup, "whole")
    let state = try Checkpoint(contentsOf: whole.last)
    // Evaluations are before training, after every second step and after the last one.
    let scores = zip([0, 2, 4, 6, 8, 9], state.scores).sorted { ($0.1, $0.0) < ($1.1, $1.0) }
    #expect(state.scores.count == 6)
    #expect(try steps(whole) == scores.prefix(count).map(\.0).sorted())
    #expect(state.ranking.entries == scores.prefix(count).map { Ranking.Entry(step: $0.0, score: $0.1) })
    #expect(try contents(whole.best) == contents(whole.best(step: scores[0].0)))
    for entry in state.ranking.entries {
      #expect(try Checkpoint(contentsOf: whole.best(step: entry.step)).step == entry.step)
    }
    #expect(throws: RunEnd.self) { try run(setup, "stopped", stopAfter: 5) }
    let resumed = try run(setup, "stopped", resumes: true)
    #expect(try steps(resumed) == steps(whole))
    #expect(try contents(resumed.last) == contents(whole.last))
  }

  @Test("a run that keeps one network makes no files of single steps, and leaves those that are there")
  func single() throws {
    let setup = try setup()
    let first = try run(setup, "run")
    #expect(try steps(first).isEmpty)
    try FileManager.default.copyItem(atPath: first.best, toPath: first.best(step: 0))
    #expect(throws: Never.self) { try run(setup, "run", resumes: true) }
    #expect(try steps(first) == [0])
  }

  @Test(
    "a run that replaces another removes its checkpoints of single steps, and refuses if one of them is not metasal's")
  func replaced() throws {
    let kept = try run(try setup(["run.keep_best=3", "evaluation.every=2"]), "run")
    #expect(try steps(kept).count == 3)
    try Trainer(try setup(), folder: kept).run(.overwrite)
    #expect(try steps(kept).isEmpty)
    try Data("mine".utf8).write(to: URL(filePath: kept.best(step: 7)))
    let plain = try setup()
    let error = try #require(throws: FileError.self) { try Trainer(plain, folder: kept).run(.overwrite) }
    #expect("\(error)".contains("best-7.h5"))
    #expect(try String(contentsOfFile: kept.best(step: 7), encoding: .utf8) == "mine")
  }

  @Test("a changed recipe scores the kept networks anew when the run is resumed")
  func changed() throws {
    #expect(throws: RunEnd.self) {
      try run(try setup(["run.keep_best=2", "evaluation.every=2"]), "run", stopAfter: 5)
    }
    let resumed = try run(
      try setup(["run.keep_best=2", "evaluation.every=2", "outer.1.weight=5"]), "run", resumes: true)
    let state = try Checkpoint(contentsOf: resumed.last)
    let now = try setup(["outer.1.weight=5"])
    for entry in state.ranking.entries {
      let network = try Checkpoint(contentsOf: resumed.best(step: entry.step)).result
      #expect(try abs(now.score(now.evaluate(network, title: "measuring")) - entry.score) < 1e-9)
    }
  }
}
