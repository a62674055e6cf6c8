import Components
import Datasets
import Formats
import Learning
import Recipes
import TestSupport
import Tensors
import Testing

@testable import Training

/// A data set that is its own source: images of a single color, whose class is the brightest channel.
private struct Tones: Dataset, DatasetSource {
  let name = "tones"
  var count = 8
  let classNames = ["red", "green"]

  mutating func visit(_ keys: Keys) { keys("count", &count, .count(from: 4)) }

  func dataset() -> any Dataset { self }

  func sample(at index: Int) -> Sample {
    let pixel: [UInt8] = index % 2 == 0 ? [200, 20, UInt8(index)] : [20, 200, UInt8(index)]
    let image = RGBImage(width: 16, height: 16, pixels: (0..<256).flatMap { _ in pixel })
    return Sample(image: image, label: index % 2, source: "tone \(index)")
  }
}

/// An augmentation that moves all pixels towards the background by a random share.
private struct Fading: Augmentation {
  let name = "fading"
  var strongest = 0.5

  mutating func visit(_ keys: Keys) { keys("strongest", &strongest, .share) }

  func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage {
    let share = Double.random(in: 0...strongest, using: &random)
    let pixels = image.pixels.enumerated().map { at, value in
      UInt8(Double(value) * (1 - share) + Double(background[at % 3]) * share)
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }
}

/// A mixing that takes the mean of two images.
private struct Halves: Mixing {
  let name = "halves"

  func mixed(
    _ images: Tensor, with others: Tensor, using random: inout RandomSource
  ) -> (images: Tensor, share: Double) {
    ((images + others) * 0.5, 0.5)
  }
}

/// An optimizer that follows the mean of all gradients so far.
private struct Average: Learning.Optimizer {
  let name = "average"
  var decay = 0.5

  mutating func visit(_ keys: Keys) { keys("decay", &decay, .decay) }

  let slots = ["mean"]

  func step(
    _ parameters: [Tensor], _ gradients: [Tensor], updates: [ParameterUpdate], state: inout OptimizerState
  ) -> [Tensor] {
    let mean = state.slots["mean"].map { zip($0, gradients).map { $0 * decay + $1 * (1 - decay) } } ?? gradients
    state.slots["mean"] = mean
    return parameters.indices.map { parameters[$0] - mean[$0] * updates[$0].rate }
  }
}

/// A schedule that multiplies the rate by a factor after each step.
private struct Decay: Schedule {
  let name = "decay"
  var factor = 0.5

  mutating func visit(_ keys: Keys) { keys("factor", &factor, .share) }

  func rate(_ peak: Double, at position: RunPosition) -> Double {
    (0..<position.step).reduce(peak) { rate, _ in rate * factor }
  }
}

@Suite("Custom data sets and optimizers") struct OwnDataTests {
  private static let registration: Void = {
    Registries.datasets.register(Tones())
    Registries.augmentations.register(Fading())
    Registries.mixings.register(Halves())
    Registries.optimizers.register(Average())
    Registries.schedules.register(Decay())
  }()

  private let folder = ScratchFolder()
  private let text = """
    model: { architecture: plain }
    data:
      train: { tones: { count: 12 } }
      validation: tones
      augmentation: [{ fading: { strongest: 0.25 } }, horizontal_flip]
      mixing: halves
      batch: 4
    saliency: { method: normgrad, layers: [features.5] }
    outer: [{ objective: cross_entropy }]
    optimizer: { name: average, rate: 0.01, decay: 0.75, schedule: { name: decay, factor: 0.125 } }
    evaluation: { images: 4, figures: 0, measures: accuracy }
    run: { steps: 3, output: unused, checkpoint_every: 1 }
    """

  private func recipe(_ overrides: [String] = []) throws -> Recipe {
    Self.registration
    return try Recipe.load(try folder.write("r.yaml", text), overrides: overrides)
  }

  @Test("a recipe names them, and the resolved recipe states their settings and loads back to the same")
  func named() throws {
    let recipe = try recipe([])
    #expect((recipe.data.train as? Tones)?.count == 12 && (recipe.data.validation as? Tones)?.count == 8)
    #expect(
      (recipe.optimizer.rule as? Average)?.decay == 0.75 && (recipe.optimizer.schedule as? Decay)?.factor == 0.125)
    let again = try Recipe.parse(recipe.yaml, source: "again")
    #expect(again.yaml == recipe.yaml && again.yaml.contains("validation:\n    tones:\n      count: 8"))
    #expect(again.yaml.contains("name: average\n  rate: 0.01\n  decay: 0.75\n  schedule:\n    name: decay"))
    #expect(again.data.augmentation.map(\.name) == ["fading", "horizontal_flip"])
    #expect((again.data.augmentation[0] as? Fading)?.strongest == 0.25 && again.data.mixing[0] is Halves)
  }

  @Test(
    "errors in their settings are reported like those of built-in components",
    arguments: [
      ("data.train={ tones: { count: 3 } }", "data.train.tones.count: expected a whole number from 4"),
      ("data.train={ tone: {} }", "found 'tone'; did you mean 'tones'?"),
      ("data.train={ tones: {}, scenes: {} }", "hdf5, scenes, tones"),
      ("data.augmentation=[{ fading: { strength: 1 } }]", "fading.strength: unknown key; known are strongest"),
      ("optimizer.momentum=0.9", "optimizer.momentum: unknown key"),
      ("optimizer.schedule.warmup=0.5", "optimizer.schedule.warmup: unknown key"),
      ("optimizer.name=averages", "did you mean 'average'?"),
    ])
  func problems(_ flag: String, _ message: String) throws {
    let error = #expect(throws: RecipeError.self) { try recipe([flag]) }
    #expect(error?.description.contains(message) == true, "\(String(describing: error))")
  }

  @Test("a run trains with them, and an interrupted run ends in the same bits")
  func training() throws {
    let setup = try Setup(try recipe([]))
    #expect((0..<3).map { setup.trainingStep.schedule.rate(1, step: $0, of: 3) } == [1, 0.125, 0.015625])
    let batch = try setup.train.batch(step: 0)
    #expect(batch.targets.allSatisfy { $0.map(\.share) == [0.5, 0.5] })
    #expect(batch.rgbImages.contains { ![20, 200].contains($0.pixels[0]) })
    let (whole, parts) = (RunFolder(folder.file("whole")), RunFolder(folder.file("parts")))
    try Trainer(setup, folder: whole).run()
    #expect(throws: RunEnd.self) { try Trainer(setup, folder: parts, isInterrupted: { true }).run() }
    #expect(try Checkpoint(contentsOf: parts.last).optimizer.updates == 1)
    try Trainer(setup, folder: parts).run(.resume)
    let (one, other) = (try Checkpoint(contentsOf: whole.last), try Checkpoint(contentsOf: parts.last))
    #expect(one.optimizer.rule == "average" && one.optimizer.updates == 3)
    #expect(one.network.parameters.map(\.floats) == other.network.parameters.map(\.floats))
    #expect(one.optimizer.slots["mean"]?.map(\.floats) == other.optimizer.slots["mean"]?.map(\.floats))
    #expect(one.network.parameters.map(\.floats) != setup.network.parameters.map(\.floats))
  }
}
