import Learning
import Saliency
import TestSupport
import Testing

@testable import Recipes

@Suite("Settings of objectives") struct ObjectiveSettingTests {
  @Test("are read, and written so that they are read again")
  func settings() throws {
    let folder = ScratchFolder()
    let path = try folder.write("r.yaml", Sample.text)
    let outer =
      "[{ objective: class_sensitivity, against: all, classes: 7, similarity: spearman, regularization: 0.5 }, "
      + "{ objective: distillation, temperature: 3, loss: sigmoid }, "
      + "{ objective: weight_agreement, target: none, similarity: cosine }]"
    let recipe = try Recipe.load(path, overrides: ["outer=\(outer)"])
    let expected: [any OuterObjective] = [
      ClassSensitivity(against: .all, similarity: .spearman, classes: 7, regularization: 0.5),
      Distillation(temperature: 3, loss: .sigmoid), WeightAgreement(target: .none, similarity: .cosine),
    ]
    let again = try Recipe.load(try folder.write("again.yaml", recipe.yaml))
    for outer in [recipe.outer, again.outer] {
      for (term, expected) in zip(outer, expected) { #expect(term.objective.isEqual(to: expected)) }
    }
  }

  @Test(
    "that have no effect are refused, with what they belong to",
    arguments: [
      ("class_sensitivity, classes: 7", "outer.0.classes: expected only with `against: all`"),
      ("class_sensitivity, regularization: 0.1", "outer.0.regularization: expected only with `similarity: spearman`"),
      ("weight_agreement, regularization: 0.1", "outer.0.regularization: expected only with `similarity: spearman`"),
    ])
  func withoutEffect(_ settings: String, _ message: String) throws {
    let problems = try Sample.problems(Sample.text, ["outer=[{ objective: \(settings) }]"])
    #expect(problems.count == 1 && problems[0].contains(message), "\(problems)")
  }
}
