import Components
import Datasets
import Learning
import Networks
import Recipes
import Saliency
import Testing

@testable import Training

@Suite("Every key of a recipe") struct EveryKeyTests {
  /// The keys with a test in which they change the outcome. Keys of data sets are tested with their files, in `DatasetsTests`.
  private static let tested = Set(
    (TrainingKeyTests.sections + TrainingKeyTests.components + TrainingKeyTests.objectives
      + EvaluationKeyTests.sections + EvaluationKeyTests.measures).map(\.key) + RunKeyTests.keys)

  @Test("of a section has a test in which it changes the outcome")
  func sections() throws {
    let recipe = try KeyCase.recipe([
      "inner={ rate: 0.1, steps: 2, learned_rates: { per: layer } }", "optimizer.groups=[{ parameters: [features.*] }]",
    ])
    let written = Keys.write(recipe)
    let lists = ["outer": written["outer"], "optimizer.groups": written["optimizer"]?["groups"]]
    let inLists = lists.flatMap { path, entry -> [String] in
      guard case .list(let items) = entry?.content, let first = items.first else { return [] }
      return keys(of: first, below: path)
    }
    // What names a component, or is its setting, counts as one key.
    let components = ["data.train", "data.validation", "optimizer.schedule"]
    let all = Set(
      (keys(of: written) + inLists).map { key in components.first { key.hasPrefix($0 + ".") } ?? key })
    let settings = Set(
      Adam().settings.keys.map { "optimizer.\($0)" } + CrossEntropy().settings.keys.map { "outer.\($0)" })
    let untested = all.subtracting(Self.tested).subtracting(settings).subtracting(["data.train", "data.validation"])
    #expect(untested.isEmpty, "\(untested.sorted())")
  }

  private static func settings<Kind>(_ kind: String, _ registry: Registry<Kind>) -> [String] {
    registry.names.flatMap { name -> [String] in
      // Other tests register components of their own.
      guard let component = registry[name] as? any Component,
        !String(reflecting: type(of: component)).contains("Tests")
      else { return [] }
      return component.settings.keys.map { "\(kind) \(name) \($0)" }
    }
  }

  @Test("of a component has a test in which it changes the outcome")
  func components() {
    let all =
      Self.settings("objective", Registries.objectives) + Self.settings("measure", Registries.measures)
      + Self.settings("optimizer", Registries.optimizers) + Self.settings("schedule", Registries.schedules)
      + Self.settings("clip", Registries.clippings) + Self.settings("average", Registries.averagings)
      + Self.settings("augmentation", Registries.augmentations) + Self.settings("mixing", Registries.mixings)
    let untested = Set(all).subtracting(Self.tested)
    #expect(untested.isEmpty, "\(untested.sorted())")
    #expect(all.count > 90)
  }
}

extension Entry {
  /// The keys of a section.
  fileprivate var keys: [String] {
    guard case .section(let items) = content else { return [] }
    return items.map(\.key)
  }
}
