import Foundation
import Saliency
import TestSupport
import Testing

@testable import Recipes

@Suite("Ranges of a recipe's numbers") struct RangeTests {
  /// Every number in a recipe as a flag that sets it; `#` stands for the number.
  static let numbers = [
    "model.classes=#", "data.resize=#", "data.crop=#", "data.batch=#", "data.workers=#", "data.cache=#",
    "data.normalization={ mean: [#, 0, 0], std: [1, 1, 1] }",
    "data.normalization={ mean: [0, 0, 0], std: [1, #, 1] }",
    "data.train={ scenes: { count: # } }", "data.train={ scenes: { size: # } }",
    "data.train={ scenes: { classes: # } }",
    "data.train={ scenes: { objects: # } }", "data.train={ scenes: { seed: # } }",
    "data.augmentation=[{ padded_crop: # }]", "data.augmentation=[{ random_resized_crop: { size: # } }]",
    "data.augmentation=[{ random_resized_crop: { scale: [#, 1] } }]",
    "data.augmentation=[{ random_resized_crop: { ratio: [#, #] } }]",
    "data.augmentation=[{ random_erasing: { probability: # } }]",
    "data.augmentation=[{ random_erasing: { scale: [#, #] } }]",
    "data.augmentation=[{ random_erasing: { ratio: [#, 1000] } }]",
    "data.augmentation=[{ color_jitter: { brightness: # } }]", "data.augmentation=[{ color_jitter: { contrast: # } }]",
    "data.augmentation=[{ color_jitter: { saturation: # } }]", "data.augmentation=[{ color_jitter: { hue: # } }]",
    "data.augmentation=[{ randaugment: { operations: # } }]", "data.augmentation=[{ randaugment: { magnitude: # } }]",
    "data.mixing=[{ mixup: # }]", "data.mixing=[{ cutmix: # }]",
    "inner.rate=#", "inner.steps=#", "outer.0.weight=#", "outer=[{ objective: distillation, temperature: # }]",
    "outer=[{ objective: class_sensitivity, against: all, classes: # }]",
    "outer=[{ objective: weight_agreement, similarity: spearman, regularization: # }]",
    "optimizer.rate=#", "optimizer.weight_decay=#", "optimizer.clip_norm=#", "optimizer.clip={ norm: # }",
    "optimizer.clip={ value: # }", "optimizer.clip={ adaptive: { ratio: # } }", "optimizer.accumulate=#",
    "optimizer.average={ ema: { decay: # } }", "optimizer.average={ swa: { every: # } }", "optimizer.layer_decay=#",
    "optimizer.groups=[{ parameters: [a], rate_factor: # }]", "optimizer.schedule={ name: step, every: # }",
    "optimizer.schedule={ name: polynomial, power: # }", "optimizer.schedule={ name: plateau, patience: # }",
    "outer=[{ objective: focal, gamma: # }]", "outer=[{ objective: cross_entropy, label_smoothing: # }]",
    "run.time_limit=#", "run.patience=#", "run={ epochs: #, output: x }", "optimizer.epsilon=#",
    "optimizer.betas=[#, 0.9]", "optimizer.betas=[0.9, #]", "optimizer.schedule.warmup=#",
    "optimizer={ name: sgd, rate: 1, momentum: # }",
    "evaluation.images=#", "evaluation.every=#", "evaluation.measures=[{ pointing_game: { tolerance: # } }]",
    "evaluation.measures=[{ deletion: { steps: # } }]", "evaluation.measures=[{ insertion: { steps: # } }]",
    "evaluation.measures=[{ grid_pointing: { side: # } }]", "evaluation.measures=[{ infidelity: { samples: # } }]",
    "evaluation.measures=[{ max_sensitivity: { radius: # } }]", "evaluation.virtual_rate=#", "evaluation.images=#",
    "run.steps=#", "run.seed=#", "run.checkpoint_every=#", "run.workers=#",
    "saliency.method='integrated_gradients:#'", "saliency.method='rise:#'", "saliency.method='smooth:#/gradient'",
    "saliency.method='competitive:#/gradient'", "saliency.method='conv#x#/norm'",
    "model={ architecture: sequential, layers: [conv #, global_average_pool, linear] }",
    "model={ architecture: sequential, layers: [conv 8 size #, global_average_pool, linear] }",
    "model={ architecture: sequential, layers: [conv 8 padding #, global_average_pool, linear] }",
    "model={ architecture: sequential, layers: [max_pool #, global_average_pool, linear] }",
    "model={ architecture: sequential, layers: [adaptive_average_pool #, flatten, linear] }",
    "model={ architecture: sequential, layers: [global_average_pool, linear #, linear] }",
  ]

  @Test("numbers that are huge, too small or not finite are refused", arguments: numbers)
  func extremes(_ flag: String) throws {
    for number in ["1e300", "-1e300", "1e-300", "nan", "inf", "-9223372036854775808", "99999999999999999999"] {
      // A tiny number is a valid share, weight or mean.
      let isSmall = number == "1e-300"
      let takesSmall = [
        "decay", "factor", "power", "gamma", "smoothing", "epochs", "mean: [#", "probability", "jitter", "weight",
        "betas", "warmup", "momentum",
      ]
      if isSmall, takesSmall.contains(where: flag.contains) { continue }
      let problems = try Sample.problems(Sample.text, [flag.replacing("#", with: number)])
      #expect(!problems.isEmpty, "\(flag) as \(number)")
    }
  }

  @Test(
    "errors about numbers state the allowed range",
    arguments: [
      ("data.batch=100000", "a whole number from 1 to 65536"), ("model.classes=2147483648", "from 2 to 100000"),
      ("data.train={ scenes: { count: 2147483648 } }", "from 1 to 10000000 (the order of an epoch is kept in memory)"),
      ("data.normalization={ mean: [1e300, 0, 0], std: [1, 1, 1] }", "from -10 to 10 (pixels are from 0 to 1)"),
      ("data.mixing=[{ mixup: 1e-300 }]", "from 0.001 to 4"), ("inner.rate=1e300", "a number from 1e-12 to 1000000"),
      ("data.augmentation=[{ random_erasing: { ratio: [1e-300, 1] } }]", "from 0.001 to 1000 (width over height)"),
      ("data.augmentation=[{ color_jitter: { contrast: 1e300 } }]", "from 0 to 100"),
      ("saliency.method=integrated_gradients:1000000000000", "the number of steps is from 1 to 10000"),
      ("saliency.method=smooth/smooth/smooth/smooth/gradient", "nest 3 deep at most"),
      (
        "model={ architecture: sequential, layers: [conv 65536, conv 65536, global_average_pool, linear] }",
        "model.layers.1: 'conv 65536': with it there are more than 1073741824 parameters"
      ),
      (
        "model={ architecture: sequential, layers: [adaptive_average_pool 65536, flatten, linear 65536, linear] }",
        "model.layers.2: 'linear 65536': with it there are more than"
      ),
      ("data={ train: { scenes: {} }, validation: { scenes: {} }, batch: 1, mixing: [mixup] }", "nothing to mix"),
      ("saliency.layers=[layer2, layer2]", "'layer2' stands there twice"),
      ("evaluation.methods=[normgrad, conv1x1/norm]", "'conv1x1/norm' is 'normgrad', which stands there too"),
      ("evaluation.measures=[energy, energy]", "'energy' stands there twice"),
    ])
  func messages(_ flag: String, _ message: String) throws {
    let problems = try Sample.problems(Sample.text, [flag])
    #expect(problems.contains { $0.contains(message) }, "\(problems)")
  }

  @Test("a network with too many layers to differentiate is refused")
  func depth() throws {
    let layers = Array(repeating: "relu", count: 1200).joined(separator: ", ")
    let problems = try Sample.problems(
      Sample.text, ["model={ architecture: sequential, layers: [\(layers), global_average_pool, linear] }"])
    #expect(problems.contains { $0.contains("1202 layers, of which 1000 are the most") }, "\(problems)")
  }

  @Test("a method keeps its requested name even if it is the same as another")
  func spelling() throws {
    let folder = ScratchFolder()
    let recipe = try Recipe.load(
      try folder.write("r.yaml", Sample.text),
      overrides: ["saliency.method=conv1x1/norm", "evaluation.methods=[gradient_times_input, smooth:25/normgrad]"])
    #expect(recipe.saliency.method == .normGrad && recipe.saliency.method.description == "conv1x1/norm")
    #expect(recipe.evaluation.methods.map(\.description) == ["gradient_times_input", "smooth:25/normgrad"])
    #expect(recipe.evaluation.methods == [.linearApproximation, .smooth(.normGrad, samples: 25)])
    #expect(
      try Recipe.parse(recipe.yaml, source: "again").evaluation.methods.map(\.description).first
        == "gradient_times_input")
  }
}
