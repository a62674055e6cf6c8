import Datasets
import Foundation
import Learning
import TestSupport
import Testing

@testable import Recipes

@Suite("Recipes") struct RecipeTests {
  private static let text = """
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

  private static func problems(_ text: String, _ overrides: [String] = []) throws -> [String] {
    let folder = ScratchFolder()
    let path = try folder.write("r.yaml", text)
    do {
      _ = try Recipe.load(path, overrides: overrides)
      return []
    } catch let error as RecipeError {
      return error.problems.map { "\($0)".replacingOccurrences(of: folder.path + "/", with: "") }
    }
  }

  private static func replacing(_ old: String, _ new: String) -> String {
    text.replacingOccurrences(of: old, with: new)
  }

  @Test("a recipe's values are read, and paths mean its own folder")
  func values() throws {
    let folder = ScratchFolder()
    let recipe = try Recipe.load(try folder.write("r.yaml", Self.text))
    #expect(recipe.model.weights == folder.file("weights/w.th"))
    #expect(recipe.data.train == .folder(folder.file("data/train")))
    #expect(recipe.data.augmentation == [.horizontalFlip, .paddedCrop(3)])
    #expect(recipe.inner?.parameters == ["layer3.*"])
    #expect(recipe.outer.map(\.weight) == [1, 3])
    #expect(recipe.outer[1].objective == .classSensitivity(ClassSensitivity(against: .second)))
    #expect(recipe.optimizer.schedule == Schedule(.oneCycle, warmup: 0.1))
    #expect(recipe.run.output == "runs/x")
  }

  @Test("the resolved recipe states everything and loads back to the same")
  func resolved() throws {
    let folder = ScratchFolder()
    let recipe = try Recipe.load(
      try folder.write("a/r.yaml", Self.text), overrides: ["optimizer.name=adamw", "model.batch_norm=train"])
    let again = try Recipe.load(try folder.write("b/c/again.yaml", recipe.yaml))
    #expect(again.yaml == recipe.yaml)
    #expect(again.model.weights == folder.file("a/weights/w.th"))
  }

  @Test("everything that is wrong is reported at once, with file, line, key and the nearest name")
  func diagnostics() throws {
    var text = Self.replacing("rate: 0.01", "rate: fast").replacingOccurrences(of: "layers:", with: "layres:")
    text = text.replacingOccurrences(of: "steps: 10", with: "steps: -1")
    let problems = try Self.problems(text)
    #expect(problems.contains("r.yaml:9: inner.rate: expected a positive number, found 'fast'"))
    #expect(problems.contains("r.yaml:11: saliency.layres: unknown key; did you mean 'layers'?"))
    #expect(problems.contains("r.yaml:11: saliency.layers: missing"))
    #expect(problems.contains("r.yaml:16: run.steps: expected a whole number of at least 0, found '-1'"))
    #expect(problems.count == 4)
  }

  @Test(
    "bad recipes are told what was expected",
    arguments: [
      ("architecture: resnet20", "architecture: resnet21", "did you mean 'resnet20'?"),
      (
        "{ folder: data/train }", "{ folder: a, cifar10: [b] }",
        "expected one of folder, cifar10, cifar100 and scenes, found 2"
      ),
      ("name: adam,", "name: adam, momentum: 0.9,", "unknown key"),
      ("at: [plain, virtual]", "at: [plain, plain]", "the same weights twice"),
      ("objective: cross_entropy", "objective: cross_entropy, at: plain", "unknown key"),
      ("method: normgrad", "method: [normgrad]", "expected one of"),
      ("count: 5", "count: many", "expected a whole number"),
      ("outer:", "outer: []\nextra:", "expected at least 1, found 0"),
      ("run:", "optimizer: 3\nrun:", "stated twice"),
      ("model:", "model: [\n", "not YAML"),
    ])
  func bad(_ old: String, _ new: String, _ message: String) throws {
    let problems = try Self.problems(Self.replacing(old, new))
    #expect(problems.contains { $0.contains(message) }, "\(problems)")
  }

  @Test("an objective at the virtual weights needs an inner update")
  func inner() throws {
    let text = Self.replacing("inner:\n  rate: 0.01\n  parameters: [\"layer3.*\"]\n", "")
    #expect(try Self.problems(text).contains { $0.contains("needs the section 'inner'") })
  }

  @Test("flags replace values, down to items of lists, and are named where they are wrong")
  func overrides() throws {
    let folder = ScratchFolder()
    let path = try folder.write("r.yaml", Self.text)
    let recipe = try Recipe.load(
      path, overrides: ["outer.1.weight=0", "inner.scope=batch", "evaluation.layers=[layer1]", "model.weights=~"])
    #expect(recipe.outer[1].weight == 0)
    #expect(recipe.inner?.scope == .batch)
    #expect(recipe.evaluation.layers == ["layer1"])
    #expect(recipe.model.weights == nil)
    #expect(
      try Self.problems(Self.text, ["optimzer.rate=1"]).first
        == "--set optimzer.rate=1: optimzer: unknown key; did you mean 'optimizer'?")
    #expect(try Self.problems(Self.text, ["outer.7.weight=1"]).first?.contains("no index") == true)
    #expect(try Self.problems(Self.text, ["run.steps"]).first?.contains("expected key=value") == true)
  }

  @Test("a recipe extends another section by section, and each path means the folder of the recipe that states it")
  func extends() throws {
    let folder = ScratchFolder()
    try folder.write("base/r.yaml", Self.text)
    let path = try folder.write(
      "own/r.yaml",
      """
      extends: ../base/r.yaml
      data: { train: { cifar10: [own.bin] } }
      run: { steps: 3 }
      """)
    let recipe = try Recipe.load(path)
    #expect(
      recipe.data.train == .cifar10([folder.file("own/own.bin")])
        || recipe.data.train == .cifar10([folder.file("own") + "/own.bin"]))
    #expect(recipe.data.validation != .folder(""))
    #expect(recipe.run.steps == 3)
    #expect(recipe.run.output == "runs/x")
    #expect(recipe.model.weights.map(absolute) == folder.file("base/weights/w.th"))
    try folder.write("loop.yaml", "extends: loop.yaml")
    #expect(throws: RecipeError.self) { try Recipe.load(folder.file("loop.yaml")) }
  }

  @Test("a missing recipe is told apart from a bad one")
  func missing() {
    let error = #expect(throws: RecipeError.self) { try Recipe.load("/nowhere/r.yaml") }
    #expect(error?.isMissingFile == true)
  }

  @Test("aliases that multiply are stopped")
  func aliases() throws {
    var text = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
    for (name, previous) in zip("bcdefgh", "abcdefg") {
      text += "\(name): &\(name) [\((0..<9).map { _ in "*\(previous)" }.joined(separator: ", "))]\n"
    }
    #expect(try Self.problems(text).first?.contains("more than 20000 values") == true)
  }

  @Test("the shipped recipes are sound", arguments: ["scenes-pretrain.yaml", "scenes-meta.yaml"])
  func shipped(_ name: String) throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    _ = try Recipe.load(folder.appendingPathComponent("Recipes/\(name)").path)
  }
}
