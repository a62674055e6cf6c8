import Formats
import Foundation
import Networks
import Recipes
import Saliency
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite("Runs that learn the rates of the inner update") struct LearnedRateTests: MakesShortRuns {
  let runs = ShortRuns()

  private func setup(learning rates: String, _ overrides: [String] = []) throws -> Setup {
    try setup(["inner.learned_rates=\(rates)", "inner.steps=2", "outer.1.at=virtual"] + overrides)
  }

  @Test(
    "rates are learned, saved with the network, averaged with it, and a resumed run ends with the same bits",
    arguments: ["{ per: layer, rate: 0.01 }", "{ per: parameter }"], ["none", "{ ema: 0.8 }"])
  func resumed(_ rates: String, _ average: String) throws {
    let setup = try setup(learning: rates, ["inner.parameters=[features.*]", "optimizer.average=\(average)"])
    let whole = try run(setup, "whole")
    let state = try Checkpoint(contentsOf: whole.last)
    let network = state.result
    for (name, (factor, parameter)) in zip(
      network.parameterNames, zip(network.rateFactors, network.parameters))
    {
      #expect(factor.shape == (rates.contains("layer") ? [1] : parameter.shape))
      // What the update does not move has nothing to learn.
      #expect(factor.doubles.allSatisfy { $0 == 1 } == !name.hasPrefix("features."), "\(name)")
    }
    if average != "none" { #expect(state.network.rateFactors.map(\.doubles) != network.rateFactors.map(\.doubles)) }
    #expect(throws: RunEnd.self) { try run(setup, "stopped", stopAfter: 5) }
    let resumed = try run(setup, "stopped", resumes: true)
    #expect(try contents(resumed.last) == contents(whole.last))
    #expect(try Files.read(resumed.metrics) == Files.read(whole.metrics))

    // The checkpoint as the weights of another run brings its rates along, and as those of a run that learns none it does not.
    let next = try Setup(setup.recipe, weights: whole.last)
    #expect(next.network.rateFactors.map(\.doubles) == network.rateFactors.map(\.doubles))
    #expect(try Setup(self.setup().recipe, weights: whole.last).network.rateFactors.isEmpty)
  }

  @Test("maps after a virtual update are measured with the learned rates")
  func measured() throws {
    let setup = try setup(learning: "{}")
    func sensitivity(_ factor: Double) throws -> [Double?] {
      var network = setup.network
      network.rateFactors = network.rateFactors.map { $0 * factor }
      let result = try setup.evaluate(network, title: "measuring")
      return setup.evaluation.settings.map { result.sensitivity[$0]?.mean }
    }
    let (usual, double, none) = (try sensitivity(1), try sensitivity(2), try sensitivity(0))
    for (index, setting) in setup.evaluation.settings.enumerated() {
      #expect((usual[index] == double[index]) == (setting.weights == .plain), "\(setting)")
    }
    // A rate of 0 is no update.
    for (plain, virtual) in zip(stride(from: 0, to: none.count, by: 2), stride(from: 1, to: none.count, by: 2)) {
      #expect(none[plain] == none[virtual])
    }
  }

  @Test("a run that is resumed with rates learned in another way begins them anew, and says so")
  func changed() throws {
    let first = try setup(learning: "{ per: layer }")
    #expect(throws: RunEnd.self) { try run(first, "stopped", stopAfter: 5) }
    let heard = Heard()
    let second = try runs.setup(
      ["inner.learned_rates={ per: parameter }", "inner.steps=2", "outer.1.at=virtual"], logger: heard.logger)
    let folder = RunFolder(folder.file("stopped"))
    try Trainer(second, folder: folder).run(.resume)
    #expect(heard.text.contains("Rates are learned in another way, and begin anew."))
    let network = try Checkpoint(contentsOf: folder.last).network
    #expect(network.rateFactors.map(\.shape) == network.parameters.map(\.shape))
  }

  @Test("an update that moves the head alone gets a note, and one that moves more does not")
  func head() throws {
    func notes(_ parameters: String) throws -> String { try setup(["inner.parameters=\(parameters)"]).notes.joined() }
    #expect(try notes("[classifier.*]").contains("moves the head alone"))
    #expect(try !notes("[classifier.*, features.6.*]").contains("moves the head alone"))
    #expect(try !notes("all").contains("moves the head alone"))
  }
}
