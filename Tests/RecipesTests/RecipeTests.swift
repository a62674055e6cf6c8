import Components
import Datasets
import Foundation
import Learning
import TestSupport
import Testing

@testable import Recipes

@Suite("Recipes") struct RecipeTests {
  @Test("the values of a recipe are read, and paths are relative to its folder")
  func values() throws {
    let folder = ScratchFolder()
    let recipe = try Recipe.load(try folder.write("r.yaml", Sample.text))
    #expect(recipe.model.weights == folder.file("weights/w.th"))
    #expect(recipe.data.train as? ImageFolder.Source == ImageFolder.Source(folder.file("data/train")))
    #expect(recipe.data.augmentation.count == 2 && recipe.data.augmentation[0] is HorizontalFlip)
    #expect(recipe.data.augmentation[1] as? PaddedCrop == PaddedCrop(3))
    #expect(recipe.inner?.parameters == ["layer3.*"])
    #expect(recipe.outer.map(\.weight) == [1, 3])
    #expect(recipe.outer[1].objective.isEqual(to: ClassSensitivity(against: .second)))
    #expect(recipe.optimizer.schedule.isEqual(to: OneCycleSchedule(warmup: 0.1)))
    #expect(recipe.run.output == "runs/x")
  }

  @Test("everything that is wrong is reported at once, with file, line, key and the nearest name")
  func diagnostics() throws {
    var text = Sample.replacing("rate: 0.01", "rate: fast").replacingOccurrences(of: "layers:", with: "layres:")
    text = text.replacingOccurrences(of: "steps: 10", with: "steps: -1")
    let problems = try Sample.problems(text)
    #expect(problems.contains("r.yaml:9: inner.rate: expected a number from 1e-12 to 1000000, found 'fast'"))
    #expect(problems.contains("r.yaml:11: saliency.layres: unknown key; did you mean 'layers'?"))
    #expect(problems.contains("r.yaml:11: saliency.layers: missing"))
    #expect(problems.contains("r.yaml:16: run.steps: expected a whole number from 0 to 1000000000, found '-1'"))
    #expect(problems.count == 4)
  }

  @Test(
    "errors in recipes state what was expected",
    arguments: [
      ("architecture: resnet20", "architecture: resnet21", "did you mean 'resnet20'?"),
      (
        "{ folder: data/train }", "{ folder: a, cifar10: [b] }",
        "expected one of folder, cifar10, cifar100, csv, voc, coco, idx, hdf5, scenes"
      ),
      ("{ folder: data/train }", "{ folder: a, cifar10: [b] }", ", found 2 keys"),
      ("name: adam,", "name: adam, momentum: 0.9,", "unknown key"),
      ("at: [plain, virtual]", "at: [plain, plain]", "the same weights twice"),
      ("objective: cross_entropy", "objective: cross_entropy, at: plain", "unknown key"),
      ("method: normgrad", "method: [normgrad]", "expected one of"),
      ("count: 5", "count: many", "expected a whole number"),
      ("model:", "extend: base.yaml\nmodel:", "did you mean 'extends'?"),
      ("outer:", "outer: []\nextra:", "expected at least 1, found 0"),
      ("run:", "optimizer: 3\nrun:", "stated twice"),
      ("model:", "model: [\n", "not YAML"),
    ])
  func bad(_ old: String, _ new: String, _ message: String) throws {
    let problems = try Sample.problems(Sample.replacing(old, new))
    #expect(problems.contains { $0.contains(message) }, "\(problems)")
  }

  @Test("flags replace values, including items of lists, and errors name the flag")
  func overrides() throws {
    let folder = ScratchFolder()
    let path = try folder.write("r.yaml", Sample.text)
    let recipe = try Recipe.load(
      path, overrides: ["outer.1.weight=0", "inner.scope=batch", "evaluation.layers=[layer1]", "model.weights=~"])
    #expect(recipe.outer[1].weight == 0)
    #expect(recipe.inner?.scope == .batch)
    #expect(recipe.evaluation.layers == ["layer1"])
    #expect(recipe.model.weights == nil)
    #expect(
      try Sample.problems(Sample.text, ["optimzer.rate=1"]).first
        == "--set optimzer.rate=1: optimzer: unknown key; did you mean 'optimizer'?")
    #expect(try Sample.problems(Sample.text, ["outer.7.weight=1"]).first?.contains("no index") == true)
    #expect(try Sample.problems(Sample.text, ["run.steps"]).first?.contains("expected key=value") == true)
  }

  @Test("a recipe extends another section by section, and each path is relative to its own recipe's folder")
  func extends() throws {
    let folder = ScratchFolder()
    try folder.write("base/r.yaml", Sample.text)
    let path = try folder.write(
      "own/r.yaml",
      """
      extends: ../base/r.yaml
      data: { train: { cifar10: [own.bin] } }
      run: { steps: 3 }
      """)
    let recipe = try Recipe.load(path)
    #expect(
      [folder.file("own/own.bin"), folder.file("own") + "/own.bin"].contains {
        recipe.data.train as? CIFARBinary.CIFAR10 == CIFARBinary.CIFAR10([$0])
      })
    #expect(recipe.data.validation as? ImageFolder.Source != ImageFolder.Source())
    #expect(recipe.data.validation as? Scenes == Scenes(count: 5))
    #expect(recipe.run.steps == 3)
    #expect(recipe.run.output == "runs/x")
    #expect(recipe.model.weights.map(Paths.absolute) == folder.file("base/weights/w.th"))
    try folder.write("loop.yaml", "extends: loop.yaml")
    #expect(throws: RecipeError.self) { try Recipe.load(folder.file("loop.yaml")) }
  }

  @Test(
    "an unusable base recipe is an error at the place where it is extended",
    arguments: [
      ("none.yaml", "none.yaml: no such recipe"), (".", ".: a folder, where a file is expected"),
      ("own.yaml", "own.yaml: recipes that extend each other"), ("latin.yaml", "latin.yaml: not a text in UTF-8"),
    ])
  func extendsWrongly(_ base: String, _ message: String) throws {
    let folder = ScratchFolder()
    try Data([0x61, 0xe4]).write(to: URL(fileURLWithPath: folder.file("latin.yaml")))
    let path = try folder.write("own.yaml", "run: { steps: 3 }\nextends: \(base)")
    let error = #expect(throws: RecipeError.self) { try Recipe.load(path) }
    #expect(error?.description == "\(path):2: extends: \(folder.file(message))")
  }

  @Test("a problem in a base recipe is reported for its own file, and problems are grouped by file")
  func baseProblems() throws {
    let folder = ScratchFolder()
    let base = try folder.write("base.yaml", Sample.replacing("rate: 0.01", "rate: fast"))
    let path = try folder.write("own.yaml", "extends: base.yaml\nrun: { steps: few }\nsaliency: { method: x }")
    let error = #expect(throws: RecipeError.self) { try Recipe.load(path) }
    #expect(
      error?.problems.map(\.place) == [
        Place(source: base, line: 9), .init(source: path, line: 2), .init(source: path, line: 3),
      ])
  }

  @Test("a problem with an item deep in a list is reported at its line")
  func deep() throws {
    let text = Sample.replacing("inner:\n  rate: 0.01\n  parameters: [\"layer3.*\"]\n", "")
    #expect(
      try Sample.problems(text) == [
        "r.yaml:11: outer.1.at: an objective at the virtual weights needs the section 'inner'"
      ])
    let folder = ScratchFolder()
    let recipe = try Recipe.load(try folder.write("r.yaml", Sample.text))
    #expect(recipe.problem("saliency.layers.1", "no such layer").problems.first?.place.line == 11)
    #expect(recipe.problem("evaluation.layers", "no such layer").problems.first?.place.line == nil)
  }

  @Test("all wrong flags are reported at once, together with problems in the file")
  func wrongFlags() throws {
    let flags = ["run.steps", "outer.7.weight=1", "run.seed=[", "run.seed='1'", "extends=other.yaml", "run.steps.x=1"]
    let problems = try Sample.problems(Sample.replacing("rate: 0.01", "rate: fast"), flags)
    let expected = [
      "--set run.steps: expected key=value", "--set outer.7.weight=1: '7' is no index of a list of 2",
      "--set run.seed=[: not YAML", "--set extends=other.yaml: only a recipe's file says what it extends",
      "--set run.steps.x=1: 'x' lies below '10'", "r.yaml:9: inner.rate", "--set run.seed='1': run.seed: expected",
    ]
    #expect(problems.count == expected.count)
    for (problem, start) in zip(problems, expected) { #expect(problem.hasPrefix(start)) }
  }

  @Test("a missing recipe is a different error from a bad one")
  func missing() {
    let error = #expect(throws: RecipeError.self) { try Recipe.load("/nowhere/r.yaml") }
    #expect(error?.isMissingFile == true)
  }

  @Test("the shipped recipes are valid", arguments: ["scenes-pretrain.yaml", "scenes-meta.yaml"])
  func shipped(_ name: String) throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    _ = try Recipe.load(folder.appendingPathComponent("Recipes/\(name)").path)
  }

  @Test("the recipes for real images are valid", .enabled(if: Shared.exists("recipes")))
  func shared() throws {
    let folder = Shared.path("recipes")
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) where name.hasSuffix(".yaml") {
      _ = try Recipe.load(folder + "/" + name)
    }
  }

  @Test("layers, data sets and augmentations are read, and written as they were read")
  func sections() throws {
    let folder = ScratchFolder()
    let text = Sample.text.replacing(
      "architecture: resnet20",
      with: "architecture: sequential\n  layers: [conv 8 stride 2, relu, global_average_pool, linear]")
    let recipe = try Recipe.load(
      try folder.write("r.yaml", text),
      overrides: [
        "data.train={ coco: { annotations: /d/a.json, images: /d/i, samples: images } }",
        "data.validation={ voc: { folder: v, split: test, difficult: false } }", "data.resize=256", "data.crop=224",
        "data.augmentation=[vertical_flip, random_resized_crop, { color_jitter: { hue: 0.1, contrast: 0.5 } }, { randaugment: { magnitude: 5 } }, { random_erasing: { scale: [0.1, 0.2] } }]",
        "data.mixing=[mixup, { cutmix: 0.5 }]", "data.broken_images=skip", "data.cache=64",
        "inner.loss=binary_cross_entropy",
        "outer=[{ objective: binary_cross_entropy, weight: 2 }]",
      ])
    #expect(recipe.model.architecture.label == "sequential: conv 8 stride 2; relu; global_average_pool; linear")
    #expect(recipe.data.mixing.count == 2 && recipe.data.augmentation.count == 5)
    #expect(
      recipe.data.mixing[0] as? Mixup == Mixup(0.2) && recipe.data.mixing[1] as? CutMix == CutMix(0.5))
    #expect(recipe.data.resizeCrop == ResizeCrop(resize: 256, crop: 224) && recipe.data.brokenImages == .skip)
    #expect(recipe.data.cache == 64)
    #expect(recipe.inner?.loss == .binaryCrossEntropy && recipe.outer.first?.objective.name == "binary_cross_entropy")
    let again = try Recipe.parse(recipe.yaml, source: "again")
    #expect(again.yaml == recipe.yaml && again.data.train.isEqual(to: recipe.data.train))
    #expect(
      again.data.augmentation.map(\.settings) == recipe.data.augmentation.map(\.settings)
        && again.data.augmentation.map(\.name) == recipe.data.augmentation.map(\.name)
        && again.model.architecture == recipe.model.architecture)
  }

  @Test(
    "contradictions within a section are errors with their place",
    arguments: [
      ("data.crop=300 data.resize=256", "data.crop: a window of 300"),
      (
        "data.augmentation=[{ random_resized_crop: { scale: [0.5, 0.2] } }]",
        "random_resized_crop.scale: expected two numbers"
      ),
      ("data.augmentation=[flip]", "expected one of horizontal_flip"),
      ("data.augmentation=[color_jitter]", "augmentation.0: expected settings, as in 'color_jitter: { … }'"),
      ("data.mixing=[{ mixup: 9 }]", "from 0.001 to 4"),
      ("model.architecture=sequential", "needs 'layers'"), ("model.layers=[relu]", "unknown key"),
    ])
  func contradictions(_ overrides: String, _ message: String) throws {
    let folder = ScratchFolder()
    let path = try folder.write("r.yaml", Sample.text)
    let flags =
      overrides.split(separator: " ").count == 2 && overrides.contains("data.resize")
      ? overrides.split(separator: " ").map(String.init) : [overrides]
    let error = #expect(throws: RecipeError.self) { try Recipe.load(path, overrides: flags) }
    #expect("\(error.map { "\($0)" } ?? "")".contains(message))
  }

  @Test("by default batch norms are frozen with given weights, and trained with random ones")
  func batchNorm() throws {
    let folder = ScratchFolder()
    func mode(_ overrides: String...) throws -> Recipe.Model.BatchNormMode? {
      try Recipe.load(try folder.write("r.yaml", Sample.text), overrides: overrides).model.batchNorm
    }
    #expect(try mode() == .frozen)
    #expect(try mode("model.batch_norm=train") == .train)
    #expect(try mode("model.weights=~") == .train)
    #expect(try mode("model.weights=~", "model.batch_norm=train") == .train)
    // Without batch norms both modes are the same.
    #expect(try mode("model.weights=~", "model.architecture=vgg16", "model.batch_norm=frozen") == .frozen)
    #expect(try mode("model.weights=~", "model.architecture=vgg11") == .frozen)
    for architecture in ["resnet20", "plain", "vgg11_bn", "densenet121"] {
      #expect(
        try Sample.problems(
          Sample.text, ["model.weights=~", "model.batch_norm=frozen", "model.architecture=\(architecture)"]) == [
            "--set model.batch_norm=frozen: model.batch_norm: frozen statistics come with weights, and there are none: "
              + "name 'weights', or say 'train'"
          ])
    }
    let normalized = "model={architecture: sequential, layers: [conv 4, batch_norm, global_average_pool, linear]"
    #expect(try mode(normalized + "}") == .train)
    #expect(try mode(normalized.replacingOccurrences(of: "batch_norm, ", with: "") + "}") == .frozen)
    #expect(try Sample.problems(Sample.text, [normalized + ", batch_norm: frozen}"]).count == 1)
  }
}
