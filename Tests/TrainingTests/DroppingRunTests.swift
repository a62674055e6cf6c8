import Components
import Formats
import Networks
import Recipes
import TestSupport
import Testing

@testable import Training

@Suite("Runs with dropout and stochastic depth") struct DroppingRunTests: MakesShortRuns {
  let runs = ShortRuns()
  private static let network =
    "model={ architecture: sequential, layers: [conv 8, relu, dropout 30, conv 8 stride 2, relu, global_average_pool, linear]"
  private static let layers = ["saliency.layers=[1, 4]", "evaluation.every=0"]

  @Test("a run with dropout resumes with the same bits, and ends elsewhere than one without")
  func resumed() throws {
    let setup = try setup([Self.network + ", dropout: standard }"] + Self.layers)
    let whole = try run(setup, "whole")
    #expect(throws: RunEnd.self) { try run(setup, "stopped", stopAfter: 5) }
    let resumed = try run(setup, "stopped", resumes: true)
    #expect(try contents(resumed.last) == contents(whole.last))
    #expect(try Files.read(resumed.metrics) == Files.read(whole.metrics))
    let plain = try run(try self.setup([Self.network + " }"] + Self.layers), "plain")
    #expect(try contents(plain.last)["model/0.weight"] != contents(whole.last)["model/0.weight"])
  }

  @Test("rates are read and written")
  func rates() throws {
    func dropping(_ keys: String) throws -> Dropping {
      let recipe = try setup([Self.network + keys + " }"] + Self.layers).recipe
      let again = try Recipe.parse(recipe.yaml, source: "again").model.dropping
      #expect(again.dropout == recipe.model.dropping.dropout)
      return recipe.model.dropping
    }
    #expect(try dropping("").dropout == .none)
    #expect(try dropping(", dropout: none").dropout == .none)
    #expect(try dropping(", dropout: 0").dropout == .none)
    #expect(try dropping(", dropout: standard").dropout == .standard)
    #expect(try dropping(", dropout: 0.25").dropout == .fixed(0.25))
  }

  @Test(
    "rates that are none, or have nothing to act on, are refused",
    arguments: [
      (", dropout: 1", "model.dropout: expected none, standard, or a number from 0 to below 1"),
      (", dropout: -0.1", "model.dropout: expected none, standard, or a number from 0 to below 1"),
      (", dropout: usual", "model.dropout: expected none, standard, or a number from 0 to below 1"),
      (", stochastic_depth: 0.1", "has no blocks with stochastic depth"),
    ])
  func refused(_ keys: String, _ message: String) throws {
    let error = try #require(throws: RecipeError.self) { try setup([Self.network + keys + " }"] + Self.layers) }
    #expect("\(error)".contains(message), "\(error)")
  }

  @Test("a network without dropout layers, and an outer loss without a task loss, refuse a rate")
  func nothing() throws {
    let none = try #require(throws: RecipeError.self) { try setup(["model.dropout=0.5"]) }
    #expect("\(none)".contains("model.dropout: plain has no dropout layers"))
    let taskless = try #require(throws: RecipeError.self) {
      try setup([Self.network + ", dropout: 0.5 }", "outer=[{ objective: class_sensitivity }]"] + Self.layers)
    }
    #expect("\(taskless)".contains("model.dropout: only task losses leave out something at random"))
  }
}
