import Components
import Foundation
import Formats
import Networks
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite("Checks before a run, and its precision") struct RunSettingTests: MakesShortRuns {
  let runs = ShortRuns()

  @Test("a run in float64 trains, stores, resumes and exports in float64")
  func double() throws {
    let setup = try setup(["run.precision=float64", "optimizer.name=adamw"])
    let whole = try run(setup, "whole")
    let state = try Checkpoint(contentsOf: whole.last)
    #expect(state.network.scalarType == .float64)
    #expect(state.optimizer.slots.values.allSatisfy { $0.allSatisfy { $0.scalarType == .float64 } })
    // The parameters have more digits than float32 can represent.
    #expect(state.network.parameters[0].doubles.contains { Double(Float($0)) != $0 })
    #expect(throws: RunEnd.self) { try run(setup, "stopped", stopAfter: 5) }
    let resumed = try run(setup, "stopped", resumes: true)
    #expect(try contents(resumed.last) == contents(whole.last))
    #expect(try Files.read(resumed.metrics) == Files.read(whole.metrics))

    let exported = folder.file("export.safetensors")
    _ = try Export.write(checkpoint: whole.last, as: .safetensors, to: exported)
    #expect(
      try WeightFile.read(exported).entries.map(\.value.doubles) == state.network.stateDictionary.map(\.value.doubles))
    _ = try Export.write(checkpoint: whole.last, as: .onnx, to: folder.file("export.onnx"))
    // Used as the weights of another run they keep all digits too.
    #expect(
      try Setup(setup.recipe, weights: exported).network.parameters.map(\.doubles)
        == state.network.parameters.map(\.doubles))
  }

  @Test("training in both precisions agrees within the accuracy of float32")
  func precisions() throws {
    let weights = try ["float32", "float64"].map { precision in
      let run = try run(
        try setup(["run.precision=\(precision)", "run.steps=2", "optimizer={name: sgd, rate: 0.01}"]), precision)
      return Tensor(try Checkpoint(contentsOf: run.last).network.parameters.flatMap(\.doubles))
    }
    #expect(relativeError(weights[0], weights[1]) < 1e-3)
    #expect(weights[0].doubles != weights[1].doubles)
  }

  @Test("the difference of the first gradient in float32 is measured, and reported if it is large")
  func comparison() throws {
    let near = try #require(try setup().comparePrecisions())
    #expect(near.difference > 0 && near.difference < 1e-3 && near.note == nil)
    #expect(try setup(["run.precision=float64"]).comparePrecisions() == nil)
    #expect(try setup(["run.compare_precision=false"]).comparePrecisions() == nil)
    #expect(try setup(["model.batch_norm=train", "inner.scope=batch"]).comparePrecisions()?.note == nil)
    let far = PrecisionComparison(difference: 0.29, images: 1, seconds: 0.8).note
    #expect(far?.contains("29.0%") == true && far?.contains("precision: float64") == true)
    #expect(PrecisionComparison(difference: .nan, images: 3, seconds: 1).note != nil)
  }

  @Test(
    "problems that would stop a run are reported before it starts",
    arguments: [
      ("data={ train: { folder: one }, validation: { folder: one }, batch: 2 }", "outer.1: maps are held against"),
      (
        "data={ train: { folder: one }, validation: { folder: one }, batch: 2 } outer=[{ objective: cross_entropy }]",
        "evaluation.measures: class_sensitivity compares maps of two classes"
      ),
      (
        "data={ train: { folder: one }, validation: { folder: one }, batch: 2 } outer=[{ objective: cross_entropy }] "
          + "evaluation={ measures: [sparseness], methods: [competitive/normgrad] }", "one class"
      ),
      ("evaluation={ images: 6, measures: [{ grid_pointing: { side: 3 } }] }", "needs 9 classes and images"),
      ("evaluation={ images: 3, measures: [grid_pointing] }", "3 images are measured"),
      (
        "evaluation={ methods: [rise], layers: [input] }",
        "only layer is 'input', not 'features.5' (what section 'saliency'"
      ),
      ("evaluation={ methods: [normgrad_conv], layers: [features.9] }", "maps at convolutions alone"),
      (
        "model.architecture=vgg11 saliency.layers=[features.0] data={ train: { scenes: { count: 4, size: 32, classes: 4 } }, "
          + "validation: { scenes: { count: 4, size: 32, classes: 4 } }, batch: 2, "
          + "augmentation: [{ random_resized_crop: { size: 16 } }] }", "training images of 16×16"
      ),
      (
        "model.architecture=resnet18 model.batch_norm=train saliency.layers=[layer2] data.batch=1",
        "sees one location of one image"
      ),
      (
        "outer=[{ objective: energy_inside }] data.augmentation=[horizontal_flip, randaugment]",
        "data.augmentation.1: energy_inside uses the objects of training images, and randaugment does not say"
      ),
      ("outer=[{ objective: right_reasons }] data.mixing=[{ cutmix: 1 }]", "in images mixed by cutmix"),
      (
        "data={ train: { folder: one }, validation: { folder: one }, batch: 2 } outer=[{ objective: energy_inside }]",
        "data.train: energy_inside uses annotated objects, and none of 2 of its images has"
      ),
    ])
  func stumblingBlocks(_ flags: String, _ message: String) throws {
    for index in 0..<2 {
      try Files.makeFolder(folder.file("one/ant"))
      try RGBImage(width: 16, height: 16, pixels: [UInt8](repeating: UInt8(40 * index), count: 768)).writePNG(
        to: folder.file("one/ant/\(index).png"))
    }
    let overrides = flags.replacing(#/ (?=[a-z]+(\.[a-z_]+)?=)/#, with: "\n").split(separator: "\n").map(String.init)
      .map { $0.replacing("folder: one", with: "folder: \(folder.file("one"))") }
    let error = #expect(throws: RecipeError.self) { try setup(overrides) }
    #expect(error?.description.contains(message) == true, "\(String(describing: error))")
  }

  @Test("the memory of a run is estimated, and a run that does not fit is refused with advice")
  func memory() throws {
    let setup = try setup()
    #expect(setup.memory.training > 16e6 && setup.memory.training < 1e9, "\(setup.memory.training)")
    #expect(setup.memory.evaluation < setup.memory.training)
    #expect(setup.summary().contains("in training"))
    let error = #expect(throws: RecipeError.self) {
      try setup.memory.require(of: setup.recipe, trains: true, available: 1 << 20)
    }
    #expect(error?.description.contains("where 1 MiB are available") == true)
    try setup.memory.require(of: setup.recipe, trains: true, available: nil)
    #expect(throws: RecipeError.self) {
      try self.setup([
        "model={ architecture: sequential, layers: [conv 65536, global_average_pool, linear] }",
        "saliency.layers=['0']",
        "data.train={ scenes: { count: 4, size: 1024, classes: 4 } }", "data.batch=4",
      ])
    }
  }
}
