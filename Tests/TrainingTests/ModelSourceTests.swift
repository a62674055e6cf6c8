import Formats
import Recipes
import TestSupport
import Testing

@testable import Training

/// Networks from checkpoints with a recipe that is no longer valid.
@Suite("Checkpoints of older recipes") struct ModelSourceTests {
  private let folder = ScratchFolder()

  private func checkpoint(_ change: (String) -> String) throws -> String {
    let path = try folder.write(
      "r.yaml",
      """
      model: { architecture: plain }
      data:
        train: { scenes: { count: 8, size: 16, classes: 4 } }
        validation: { scenes: { count: 4, size: 16, classes: 4, seed: 1 } }
        normalization: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }
        crop: 16
        batch: 4
      saliency: { method: normgrad, layers: [features.5] }
      outer: [{ objective: cross_entropy }]
      optimizer: { name: adam, rate: 0.003 }
      run: { steps: 1, output: unused }
      """)
    let setup = try Setup(try Recipe.load(path))
    let old = change(setup.recipe.yaml)
    let file = folder.file("c.h5")
    try Checkpoint(network: setup.network, random: Checkpoint.contrastClasses(setup.recipe), recipe: old).write(
      to: file)
    return file
  }

  @Test("an invalid value elsewhere does not affect normalization, resizeCrop and names, and is reported")
  func elsewhere() throws {
    let path = try checkpoint { $0.replacing("batch: 4", with: "batch: 4000000\n  former_key: 1") }
    let model = try ModelSource.checkpoint(path).model()
    #expect(model.normalization.mean == [0.5, 0.5, 0.5] && model.normalization.std == [0.25, 0.25, 0.25])
    #expect(model.resizeCrop.crop == 16 && model.classNames.count == 4)
    #expect(model.note?.contains("data.batch") == true && model.note?.contains("data.former_key") == true)
    #expect(try ModelSource.checkpoint(try checkpoint { $0 }).model().note == nil)
  }

  @Test(
    "an unreadable normalization or resizeCrop is an error with file, line and option, unless the option is given"
  )
  func refused() throws {
    func message(_ change: (String) -> String) throws -> String {
      let path = try checkpoint(change)
      do {
        _ = try ModelSource.checkpoint(path).model()
      } catch let error as FileError {
        #expect(error.kind == .malformed && error.file == path)
        return error.description
      }
      return ""
    }
    let pixels = try message { $0.replacing("0.25", with: "1e-30") }
    #expect(pixels.contains("line ") && pixels.contains("data.normalization") && pixels.contains("--mean"), "\(pixels)")
    #expect(try message { $0.replacing("crop: 16", with: "crop: 0") }.contains("--crop"))
    for whole in ["data: 3", "- a", "a: [", "{", ""] {
      #expect(try message { _ in whole }.contains("--mean"), "\(whole)")
    }
    let path = try checkpoint { $0.replacing("0.25", with: "1e-30") }
    let model = try ModelSource.checkpoint(path).model(normalization: Recipe.Data.standardNormalization)
    #expect(model.normalization.mean[0] == 0.485 && model.resizeCrop.crop == 16)
  }

  @Test("a data set that cannot be read has no class names, and is reported")
  func names() throws {
    let model = try ModelSource.checkpoint(try checkpoint { $0.replacing("classes: 4", with: "classes: 99") }).model()
    #expect(model.classNames.isEmpty && model.className(2) == "2" && model.note?.contains("data.validation") == true)
  }
}
