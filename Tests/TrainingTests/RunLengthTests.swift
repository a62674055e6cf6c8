import Components
import Foundation
import Learning
import Recipes
import TestSupport
import Testing

@testable import Training

@Suite("The length of runs, and weights that are averaged") struct RunLengthTests {
  private let runs = ShortRuns()

  /// Runs a recipe into a folder, and returns what it said.
  @discardableResult
  private func run(
    _ name: String, _ overrides: [String], _ start: RunFolder.Start = .new, stopsAt step: Int? = nil
  ) throws -> (folder: RunFolder, said: String, state: Checkpoint) {
    let (heard, folder) = (Heard(), RunFolder(runs.folder.file(name)))
    var steps = 0
    let trainer = Trainer(
      try runs.setup(overrides, logger: heard.logger), folder: folder,
      isInterrupted: {
        steps += 1
        return steps == step
      })
    do { try trainer.run(start) } catch RunEnd.interrupted {}
    return (folder, heard.text, try Checkpoint(contentsOf: folder.last))
  }

  @Test("epochs are counted in updates, and a recipe states either these or steps")
  func epochs() throws {
    let setup = try runs.setup(["run.epochs=1.6"], without: "steps: 9")
    #expect(setup.recipe.run.steps == 8 && setup.trainingStep.steps == 8)
    #expect(try runs.setup(["run.epochs=3", "optimizer.accumulate=2"], without: "steps: 9").recipe.run.steps == 6)
    // A run's folder states the steps.
    #expect(setup.recipe.yaml.contains("steps: 8") && !setup.recipe.yaml.contains("epochs"))
    for (flags, message) in [(["run.epochs=2"], "run.steps states"), ([], "run.steps: missing")] {
      let error = #expect(throws: RecipeError.self) {
        try runs.setup(flags, without: flags.isEmpty ? "steps: 9" : nil)
      }
      #expect("\(String(describing: error))".contains(message))
    }
  }

  @Test("a run that reaches its time limit is measured and ends well, and resumes to the bits of an undisturbed one")
  func timeLimit() throws {
    let whole = try run("whole", [])
    let part = try run("part", ["run.time_limit=0.001"])
    // A limit of 60 ms lies within the first steps.
    #expect(part.said.contains("time limit") && part.said.contains("After step \(part.state.step)"))
    #expect(part.state.step < 9)
    let rest = try run("part", ["run.time_limit=60"], .resume)
    #expect(rest.state.step == 9)
    #expect(rest.state.network.state.map(\.value.floats) == whole.state.network.state.map(\.value.floats))
  }

  @Test("a run stops when the outer loss has not become lower for as many evaluations as its patience")
  func patience() throws {
    let flags = [
      "run.patience=2", "evaluation.every=1", "optimizer.rate=1e-12", "optimizer.name=sgd", "outer.1.weight=0",
    ]
    let stopped = try run("patient", flags)
    #expect(stopped.state.step == 2 && stopped.said.contains("has not become lower in 2 evaluations"))
    #expect(stopped.state.scores.count == 3)
    // It stays stopped when it is resumed, and a longer patience goes on.
    #expect(try run("patient", flags, .resume).state.step == 2)
    #expect(try run("patient", flags + ["run.patience=4"], .resume).state.step == 4)
    let error = #expect(throws: RecipeError.self) { try runs.setup(["run.patience=2", "evaluation.every=0"]) }
    #expect(error?.description.contains("run.patience") == true)
  }

  @Test("the plateau schedule lowers the rate of a run whose loss stays, also when it is resumed")
  func plateau() throws {
    let flags = [
      "optimizer={ name: sgd, rate: 1e-10, schedule: { name: plateau, patience: 0, factor: 0.5 } }",
      "evaluation.every=3",
      "outer.1.weight=0",
    ]
    let whole = try run("whole", flags)
    func rates(_ folder: RunFolder) throws -> [Double] {
      try String(contentsOfFile: folder.metrics, encoding: .utf8).split(separator: "\n").compactMap {
        (try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])?["rate"] as? Double
      }
    }
    let found = try rates(whole.folder)
    #expect(found.count == 9 && found[0] == 1e-10 && found[8] < found[0])
    _ = try run("parts", flags, stopsAt: 4)
    #expect(try rates(try run("parts", flags, .resume).folder) == found)
  }

  @Test("the averaged network is measured, saved and exported; training goes on with the weights themselves")
  func average() throws {
    let flags = ["optimizer.average={ ema: { decay: 0.5 } }", "evaluation.every=3"]
    let (plain, averaged) = (try run("plain", ["evaluation.every=3"]), try run("averaged", flags))
    let average = try #require(averaged.state.average)
    #expect(average.count == 9)
    #expect(averaged.state.network.state.map(\.value.floats) == plain.state.network.state.map(\.value.floats))
    #expect(averaged.state.result.parameters[0].floats == average.network.parameters[0].floats)
    #expect(average.network.parameters[0].floats != averaged.state.network.parameters[0].floats)
    // Whoever reads weights from the checkpoint gets the average.
    let read = try Setup(runs.setup().recipe, weights: averaged.folder.last).network
    #expect(read.state.map(\.value.floats) == average.network.state.map(\.value.floats))
    _ = try run("parts", flags, stopsAt: 4)
    let resumed = try run("parts", flags, .resume)
    #expect(resumed.state.average?.network.state.map(\.value.floats) == average.network.state.map(\.value.floats))
    #expect(resumed.state.average?.count == 9 && resumed.state.scores == averaged.state.scores)
    // Another kind of average begins anew, and none is dropped.
    _ = try run("other", flags, stopsAt: 4)
    let other = try run("other", ["optimizer.average={ swa: { start: 0.8 } }", "evaluation.every=3"], .resume)
    #expect(other.said.contains("averaged in another way") && other.state.average?.count == 2)
    _ = try run("none", flags, stopsAt: 4)
    #expect(try run("none", ["evaluation.every=3"], .resume).state.average == nil)
  }

  @Test("a collapsed network is reported, and is not the best one")
  func collapse() throws {
    let flags = [
      "optimizer={ name: sgd, rate: 30 }", "outer=[{ objective: total_variation, weight: 100 }]", "evaluation.every=3",
    ]
    let collapsed = try run("collapsed", flags)
    #expect(collapsed.said.contains("has collapsed") || collapsed.said.contains("no logit"))
    #expect(try Checkpoint(contentsOf: collapsed.folder.best).step == 0)
  }

  @Test("every start notes the program, the machine and the command line")
  func environment() throws {
    _ = try run("noted", [], stopsAt: 4)
    let folder = try run("noted", [], .resume).folder
    let lines = try String(contentsOfFile: folder.environment, encoding: .utf8).split(separator: "\n")
    let objects = try lines.map { try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]) }
    #expect(objects.map { $0["step"] as? Int } == [0, 4])
    for key in ["version", "host", "system", "command", "blas", "began", "workers"] {
      #expect(objects.allSatisfy { $0[key] != nil }, "\(key)")
    }
  }
}
