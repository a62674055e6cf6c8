import Components
import Foundation
import Formats
import Logging
import Networks
import Recipes
import Tensors
import TestSupport

@testable import Training

/// Makes short runs on generated scenes in a temporary folder.
struct ShortRuns {
  let folder = ScratchFolder()

  /// The setup of a recipe with nine steps; a text can be left out of it.
  func setup(_ overrides: [String] = [], without text: String? = nil, logger: Logger = .silent) throws -> Setup {
    let recipe = """
      model: { architecture: plain }
      data:
        train: { scenes: { count: 20, size: 16, classes: 4 } }
        validation: { scenes: { count: 6, size: 16, classes: 4, seed: 1 } }
        augmentation: [horizontal_flip, padded_crop]
        batch: 4
      inner: { rate: 0.02 }
      saliency: { method: normgrad, layers: [features.5, features.8] }
      outer:
        - { objective: cross_entropy }
        - { objective: class_sensitivity, weight: 0.5, against: random }
      optimizer: { name: adam, rate: 0.003, schedule: { name: one_cycle, warmup: 0.3 }, clip: { norm: 1 } }
      evaluation: { images: 6, every: 4, methods: [normgrad, grad_cam], virtual_rate: 0.02, figures: 2 }
      run: { steps: 9, checkpoint_every: 3, output: unused }
      """
    let path = try folder.write("r.yaml", text.map { recipe.replacingOccurrences(of: $0 + ",", with: "") } ?? recipe)
    return try Setup(try Recipe.load(path, overrides: overrides), logger: logger)
  }

  /// Runs the setup in a folder with this name.
  func run(_ setup: Setup, _ name: String, resumes: Bool = false, stopAfter: Int = .max) throws -> RunFolder {
    let run = RunFolder(folder.file(name))
    let steps = Counter()
    let trainer = Trainer(setup, folder: run, isInterrupted: { steps.next() >= stopAfter })
    try trainer.run(resumes ? .resume : .new)
    return run
  }

  private final class Counter {
    private var count = 0
    func next() -> Int {
      count += 1
      return count
    }
  }

  /// All data sets of an HDF5 file.
  func contents(_ path: String) throws -> [String: [Double]] {
    let contents = try HDF5File.read(path)
    return Dictionary(
      uniqueKeysWithValues: contents.dataSets.map { path, value in
        switch value {
        case .tensor(let tensor), .half(let tensor): (path, tensor.doubles)
        case .integers(let integers): (path, integers.map { Double($0) })
        }
      })
  }
}

/// A suite whose tests make short runs.
protocol MakesShortRuns {
  var runs: ShortRuns { get }
}

extension MakesShortRuns {
  var folder: ScratchFolder { runs.folder }

  func setup(_ overrides: [String] = [], logger: Logger = .silent) throws -> Setup {
    try runs.setup(overrides, logger: logger)
  }

  func run(_ setup: Setup, _ name: String, resumes: Bool = false, stopAfter: Int = .max) throws -> RunFolder {
    try runs.run(setup, name, resumes: resumes, stopAfter: stopAfter)
  }

  func contents(_ path: String) throws -> [String: [Double]] { try runs.contents(path) }
}
