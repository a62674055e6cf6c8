import Components
import Foundation
import Recipes
import TestSupport
import Testing

@testable import Training

/// A key of a recipe with a change of its value that must change the outcome.
struct KeyCase: Sendable, CustomTestStringConvertible {
  /// The key: `optimizer.rate`, or a component's kind, name and key, such as `objective competition floor`.
  let key: String
  /// What is changed in the recipe of ``recipe(_:)`` first.
  let base: [String]
  /// The change.
  let change: String

  init(_ key: String, _ base: [String] = [], _ change: String) {
    (self.key, self.base, self.change) = (key, base, change)
  }

  var testDescription: String { key }

  /// A small recipe on generated scenes, whose network has been trained on such scenes.
  static func recipe(_ overrides: [String]) throws -> Recipe {
    let folder = ScratchFolder()
    let path = try folder.write(
      "r.yaml",
      """
      model: { architecture: plain, weights: \(fixture("../../../checkpoints/plain-scenes.safetensors")) }
      data:
        train: { scenes: { count: 24, size: 16, objects: 2 } }
        validation: { scenes: { count: 12, size: 16, objects: 2, seed: 1 } }
        batch: 4
      inner: { rate: 0.02 }
      saliency: { method: normgrad, layers: [features.5, features.8] }
      outer:
        - { objective: cross_entropy }
        - { objective: class_sensitivity, at: [plain, virtual], against: second }
      optimizer: { name: adam, rate: 0.003 }
      evaluation: { images: 8, measures: [pointing_game], layers: [features.8], figures: 0 }
      run: { steps: 3, seed: 1, output: unused, compare_precision: false }
      """)
    return try Recipe.load(path, overrides: overrides)
  }

  /// The setups before and after the change.
  func setups() throws -> (before: Setup, after: Setup) {
    (try Setup(try Self.recipe(base)), try Setup(try Self.recipe(base + [change])))
  }
}

/// The dotted keys of an entry. Keys below a list and below a component's name are left out.
func keys(of entry: Entry, below path: String = "") -> [String] {
  guard case .section(let items) = entry.content, !items.isEmpty else { return [path] }
  return items.flatMap { keys(of: $0.value, below: path.isEmpty ? $0.key : path + "." + $0.key) }
}
