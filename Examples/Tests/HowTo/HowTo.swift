import Foundation
import MetasalKit

/// What the tests of the how-to articles share.
enum HowTo {
  /// Makes the components known by their names, once in the process, as a program does before it reads a recipe.
  static func register() { registration }

  private static let registration: Void = {
    Registries.objectives.register(MapShift())
    Registries.methods.register(PositiveContribution())
    Registries.measures.register(Coverage())
    Registries.optimizers.register(Signum())
    Registries.schedules.register(InverseRoot())
    Registries.datasets.register(Tones())
    Registries.augmentations.register(Grayscale())
    Registries.mixings.register(Halves())
    Registries.architectures.register(.twoStages)
    Registries.layers.register(.hardSwish)
  }()

  /// The recipe that names them all, made real.
  static func setup(_ overrides: [String] = []) throws -> Setup {
    register()
    let recipe = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("recipe.yaml")
    return try Setup(Recipe.load(recipe.path, overrides: overrides))
  }

  /// Calls `body` with the path of an empty folder, which is removed afterwards.
  static func inScratchFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("how-to-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.path)
  }
}
