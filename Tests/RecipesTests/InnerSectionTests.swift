import Components
import Recipes
import Saliency
import Testing

@Suite("The section 'inner'") struct InnerSectionTests {
  private static func recipe(_ inner: String, outer: String = "[{ objective: class_sensitivity, at: virtual }]") throws
    -> Recipe
  {
    try Recipe.parse(
      """
      model: { architecture: plain }
      data: { train: { scenes: {} }, validation: { scenes: {} } }
      inner: { rate: 0.01, \(inner) }
      saliency: { method: normgrad, layers: [features.8] }
      outer: \(outer)
      optimizer: { name: adam, rate: 0.001 }
      run: { steps: 1, output: runs/x }
      """, source: "recipe")
  }

  @Test("momentum, the proximal term, the order, its solver and learned rates are read and written")
  func keys() throws {
    let first = try #require(
      try Self.recipe("steps: 3, momentum: 0.9, proximal: 2, order: implicit, solver_steps: 7").inner)
    #expect(first == InnerUpdate(rate: 0.01, steps: 3, order: .implicit, momentum: 0.9, proximal: 2, solverSteps: 7))
    let second = try Self.recipe("order: finite_differences, learned_rates: { per: parameter, rate: 0.1 }")
    #expect(
      second.inner
        == InnerUpdate(rate: 0.01, order: .finiteDifferences, learnedRates: .init(.parameter, rate: 0.1)))
    #expect(try Recipe.parse(second.yaml, source: "again").inner == second.inner)
    let third = try Self.recipe("steps: 2, proximal: 1, order: implicit")
    #expect(third.inner?.solverSteps == InnerUpdate.standardSolverSteps)
    #expect(try Recipe.parse(third.yaml, source: "again").inner == third.inner)
    #expect(try Self.recipe("learned_rates: {}").inner?.learnedRates == .init(.layer))
    #expect(try Self.recipe("learned_rates: none").inner?.learnedRates == nil)
  }

  @Test(
    "what would have no effect, or no meaning, is refused with its place",
    arguments: [
      ("momentum: 0.9", "inner.momentum: it acts from the second step on"),
      ("proximal: 1", "inner.proximal: it acts from the second step on"),
      ("momentum: 1, steps: 2", "inner.momentum: expected a number from 0 to below 1"),
      ("proximal: -1, steps: 2", "inner.proximal: expected a number from 0"),
      ("steps: 2, order: implicit", "inner.order: implicit gradients are those at a minimum with a proximal term"),
      ("steps: 2, solver_steps: 3", "inner.solver_steps: only 'order: implicit' has a solver"),
      (
        "steps: 2, proximal: 1, order: implicit, learned_rates: {}",
        "inner.learned_rates: implicit gradients do not depend"
      ),
      ("order: implict", "did you mean 'implicit'?"),
      ("learned_rates: { per: channel }", "inner.learned_rates.per: expected one of layer, parameter"),
      ("learned_rates: { per: layer, rate: 0 }", "inner.learned_rates.rate: expected a number from"),
      ("learned_rates: layer", "inner.learned_rates: expected a section of keys"),
    ])
  func refused(_ inner: String, _ message: String) throws {
    let error = try #require(throws: RecipeError.self) { try Self.recipe(inner) }
    #expect("\(error)".contains(message), "\(error)")
  }

  @Test("learned rates need an objective at the virtual weights")
  func unlearned() throws {
    let error = try #require(throws: RecipeError.self) {
      try Self.recipe("learned_rates: {}", outer: "[{ objective: cross_entropy }]")
    }
    #expect("\(error)".contains("inner.learned_rates: no objective is at the virtual weights"))
  }
}
