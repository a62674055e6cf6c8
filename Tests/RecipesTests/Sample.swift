import Components
import TestSupport

@testable import Recipes

/// A valid recipe, which tests modify.
enum Sample {
  static let text = """
    model:
      architecture: resnet20
      weights: weights/w.th
    data:
      train: { folder: data/train }
      validation: { scenes: { count: 5 } }
      augmentation: [horizontal_flip, { padded_crop: 3 }]
    inner:
      rate: 0.01
      parameters: ["layer3.*"]
    saliency: { method: normgrad, layers: [layer2, layer3.0] }
    outer:
      - { objective: cross_entropy }
      - { objective: class_sensitivity, weight: 3, at: [plain, virtual], against: second }
    optimizer: { name: adam, rate: 1e-3, schedule: { name: one_cycle, warmup: 0.1 } }
    run: { steps: 10, output: runs/x }
    """

  static func problems(_ text: String, _ overrides: [String] = []) throws -> [String] {
    let folder = ScratchFolder()
    let path = try folder.write("r.yaml", text)
    do {
      _ = try Recipe.load(path, overrides: overrides)
      return []
    } catch let error as RecipeError {
      return error.problems.map { "\($0)".replacingOccurrences(of: folder.path + "/", with: "") }
    }
  }

  static func replacing(_ old: String, _ new: String) -> String {
    text.replacingOccurrences(of: old, with: new)
  }
}
