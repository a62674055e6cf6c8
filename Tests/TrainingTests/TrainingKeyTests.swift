import Components
import Foundation
import Learning
import Networks
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite("Keys that change training") struct TrainingKeyTests {
  /// The weights after the recipe's steps, with its evaluations left out.
  private static func trained(_ setup: Setup) throws -> [Double] {
    var state = TrainingState(network: setup.network, random: Checkpoint.contrastClasses(setup.recipe))
    for index in 0..<setup.recipe.run.steps {
      // The scores of evaluations that fall a little, for schedules that follow them.
      state.scores.append(1 - 0.001 * Double(index))
      state = try setup.trainingStep(state, try setup.train.batch(step: index)).state
    }
    return (state.result.state.map(\.value) + state.result.rateFactors).flatMap(\.doubles)
  }

  private static let selective = fixture("../../../checkpoints/resnet20-cifar10-selective.safetensors")
  private static let resnet = [
    "model={ architecture: resnet20, weights: \(selective), classes: 10 }", "saliency.layers=[layer3.0]",
    "evaluation.layers=[layer3.0]", "inner=~", "outer=[{ objective: cross_entropy }]",
  ]
  private static let dropout = [
    "model={ architecture: sequential, layers: [conv 8, relu, dropout 30, conv 8, relu, global_average_pool, linear] }",
    "saliency.layers=[1, 4]", "evaluation.layers=[4]",
  ]
  private static let deep = [
    "model={ architecture: efficientnet_b0 }", "saliency.layers=[features.3]", "evaluation.layers=[features.3]",
    "inner=~",
    "outer=[{ objective: cross_entropy }]", "run.steps=1", "data.train={ scenes: { size: 32 } }",
  ]
  private static let normalization = ["data.normalization={ mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] }"]

  static let sections: [KeyCase] = [
    KeyCase("model.architecture", ["model.weights=~"], "model.architecture=resnet20").with(
      "saliency.layers=[input]", "evaluation.layers=[input]"),
    KeyCase("model.weights", "model.weights=~"),
    KeyCase("model.batch_norm", resnet, "model.batch_norm=train"),
    KeyCase("model.dropout", dropout, "model.dropout=0.5"),
    KeyCase("model.stochastic_depth", deep, "model.stochastic_depth=0.9"),
    KeyCase("model.classes", "model.classes=12"),
    KeyCase("data.normalization.mean", normalization, "data.normalization.mean=[0.3, 0.4, 0.5]"),
    KeyCase("data.normalization.std", normalization, "data.normalization.std=[0.3, 0.4, 0.5]"),
    KeyCase("data.resize", "data.resize=20"), KeyCase("data.crop", "data.crop=14"),
    KeyCase("data.augmentation", "data.augmentation=[horizontal_flip]"),
    KeyCase("data.mixing", "data.mixing=[{ mixup: 0.5 }]"), KeyCase("data.batch", "data.batch=6"),
    KeyCase("inner.rate", "inner.rate=0.05"), KeyCase("inner.steps", "inner.steps=2"),
    KeyCase("inner.loss", "inner.loss=binary_cross_entropy"), KeyCase("inner.direction", "inner.direction=away"),
    KeyCase("inner.scope", "inner.scope=batch"), KeyCase("inner.order", "inner.order=first"),
    KeyCase("inner.parameters", "inner.parameters=[features.6.*]"),
    KeyCase("inner.momentum", ["inner.steps=2"], "inner.momentum=0.9"),
    KeyCase("inner.proximal", ["inner.steps=2"], "inner.proximal=5"),
    KeyCase(
      "inner.solver_steps", ["inner={ rate: 0.02, steps: 3, proximal: 5, order: implicit }"], "inner.solver_steps=1"),
    KeyCase("inner.learned_rates", "inner.learned_rates={}"),
    KeyCase("inner.learned_rates.per", ["inner.learned_rates={ per: layer }"], "inner.learned_rates.per=parameter"),
    KeyCase("inner.learned_rates.rate", ["inner.learned_rates={ per: layer }"], "inner.learned_rates.rate=0.1"),
    KeyCase("saliency.method", "saliency.method=grad_cam"), KeyCase("saliency.layers", "saliency.layers=[features.3]"),
    KeyCase("outer", "outer=[{ objective: cross_entropy }]"), KeyCase("outer.objective", "outer.0.objective=focal"),
    KeyCase("outer.weight", "outer.1.weight=3"), KeyCase("outer.schedule", "outer.1.schedule={ name: cosine }"),
    KeyCase("outer.method", "outer.1.method=grad_cam"), KeyCase("outer.layers", "outer.1.layers=[features.3]"),
    KeyCase("optimizer.name", "optimizer.name=lion"), KeyCase("optimizer.rate", "optimizer.rate=0.01"),
    KeyCase("optimizer.schedule", "optimizer.schedule={ name: cosine }"),
    KeyCase("optimizer.groups", "optimizer.groups=[{ parameters: [features.6.*], rate_factor: 2 }]"),
    KeyCase(
      "optimizer.groups.parameters", ["optimizer.groups=[{ parameters: [features.6.*], rate_factor: 2 }]"],
      "optimizer.groups.0.parameters=[features.3.*]"),
    KeyCase(
      "optimizer.groups.rate_factor", ["optimizer.groups=[{ parameters: [features.6.*] }]"],
      "optimizer.groups.0.rate_factor=0"),
    KeyCase(
      "optimizer.groups.weight_decay", ["optimizer.groups=[{ parameters: [features.6.*] }]"],
      "optimizer.groups.0.weight_decay=0.5"),
    KeyCase("optimizer.trainable", "optimizer.trainable=[classifier.*]"),
    KeyCase("optimizer.layer_decay", "optimizer.layer_decay=0.5"),
    KeyCase(
      "optimizer.decay_biases_and_norms", ["optimizer.weight_decay=0.5"], "optimizer.decay_biases_and_norms=false"),
    KeyCase("optimizer.accumulate", "optimizer.accumulate=2"),
    KeyCase("optimizer.clip", "optimizer.clip={ norm: 0.01 }").with("optimizer.name=sgd"),
    KeyCase("optimizer.average", "optimizer.average={ ema: 0.5 }"),
    KeyCase("run.steps", "run.steps=2"), KeyCase("run.epochs", ["run={ epochs: 0.5, output: unused }"], "run.epochs=1"),
    KeyCase("run.seed", "run.seed=2"), KeyCase("run.precision", "run.precision=float64"),
  ]

  static let components: [KeyCase] = [
    KeyCase("optimizer adam weight_decay", "optimizer.weight_decay=0.5"),
    KeyCase("optimizer adam betas", "optimizer.betas=[0.5, 0.6]"),
    KeyCase("optimizer adam epsilon", "optimizer.epsilon=0.01"),
    KeyCase("optimizer sgd weight_decay", ["optimizer.name=sgd"], "optimizer.weight_decay=0.5"),
    KeyCase("optimizer sgd momentum", ["optimizer.name=sgd"], "optimizer.momentum=0.5"),
    KeyCase(
      "optimizer sgd nesterov", ["optimizer={ name: sgd, rate: 0.01, momentum: 0.5 }"], "optimizer.nesterov=true"),
    KeyCase("optimizer adamw weight_decay", ["optimizer.name=adamw"], "optimizer.weight_decay=0.5"),
    KeyCase("optimizer adamw betas", ["optimizer.name=adamw"], "optimizer.betas=[0.5, 0.6]"),
    KeyCase("optimizer adamw epsilon", ["optimizer.name=adamw"], "optimizer.epsilon=0.01"),
    KeyCase("optimizer rmsprop weight_decay", ["optimizer.name=rmsprop"], "optimizer.weight_decay=0.5"),
    KeyCase("optimizer rmsprop alpha", ["optimizer.name=rmsprop"], "optimizer.alpha=0.5"),
    KeyCase("optimizer rmsprop epsilon", ["optimizer.name=rmsprop"], "optimizer.epsilon=0.01"),
    KeyCase("optimizer rmsprop momentum", ["optimizer.name=rmsprop"], "optimizer.momentum=0.5"),
    KeyCase("optimizer rmsprop centered", ["optimizer.name=rmsprop"], "optimizer.centered=true"),
    KeyCase("optimizer lamb weight_decay", ["optimizer.name=lamb"], "optimizer.weight_decay=0.5"),
    KeyCase("optimizer lamb betas", ["optimizer.name=lamb"], "optimizer.betas=[0.5, 0.6]"),
    KeyCase("optimizer lamb epsilon", ["optimizer.name=lamb"], "optimizer.epsilon=0.01"),
    KeyCase("optimizer lion weight_decay", ["optimizer.name=lion"], "optimizer.weight_decay=0.5"),
    KeyCase("optimizer lion betas", ["optimizer.name=lion"], "optimizer.betas=[0.1, 0.2]"),
    KeyCase("schedule constant warmup", "optimizer.schedule={ name: constant, warmup: 0.7 }"),
    KeyCase("schedule cosine warmup", ["optimizer.schedule={ name: cosine }"], "optimizer.schedule.warmup=0.7"),
    KeyCase("schedule one_cycle warmup", ["optimizer.schedule={ name: one_cycle }"], "optimizer.schedule.warmup=0.7"),
    KeyCase("schedule step every", ["optimizer.schedule={ name: step, every: 1 }"], "optimizer.schedule.every=2"),
    KeyCase("schedule step factor", ["optimizer.schedule={ name: step, every: 1 }"], "optimizer.schedule.factor=0.5"),
    KeyCase("schedule step warmup", ["optimizer.schedule={ name: step, every: 1 }"], "optimizer.schedule.warmup=0.7"),
    KeyCase(
      "schedule multi_step milestones", ["optimizer.schedule={ name: multi_step, milestones: [1] }"],
      "optimizer.schedule.milestones=[2]"),
    KeyCase(
      "schedule multi_step factor", ["optimizer.schedule={ name: multi_step, milestones: [1] }"],
      "optimizer.schedule.factor=0.5"),
    KeyCase(
      "schedule multi_step warmup", ["optimizer.schedule={ name: multi_step, milestones: [2] }"],
      "optimizer.schedule.warmup=0.7"),
    KeyCase(
      "schedule exponential factor", ["optimizer.schedule={ name: exponential, factor: 0.5 }"],
      "optimizer.schedule.factor=0.7"),
    KeyCase(
      "schedule exponential warmup", ["optimizer.schedule={ name: exponential, factor: 0.5 }"],
      "optimizer.schedule.warmup=0.7"),
    KeyCase("schedule polynomial power", ["optimizer.schedule={ name: polynomial }"], "optimizer.schedule.power=3"),
    KeyCase("schedule polynomial warmup", ["optimizer.schedule={ name: polynomial }"], "optimizer.schedule.warmup=0.7"),
    KeyCase("schedule plateau patience", plateau, "optimizer.schedule.patience=5"),
    KeyCase("schedule plateau factor", plateau, "optimizer.schedule.factor=0.5"),
    KeyCase("schedule plateau threshold", plateau, "optimizer.schedule.threshold=0"),
    KeyCase("schedule plateau warmup", plateau, "optimizer.schedule.warmup=0.7"),
    KeyCase(
      "clip norm limit", ["optimizer={ name: sgd, rate: 0.1, clip: { norm: 0.01 } }"], "optimizer.clip={ norm: 0.02 }"),
    KeyCase(
      "clip value limit", ["optimizer={ name: sgd, rate: 0.1, clip: { value: 0.0001 } }"],
      "optimizer.clip={ value: 0.0002 }"),
    KeyCase("clip adaptive ratio", adaptive, "optimizer.clip.adaptive.ratio=0.0002"),
    KeyCase("clip adaptive epsilon", adaptive, "optimizer.clip.adaptive.epsilon=10"),
    KeyCase("clip adaptive exclude", adaptive, "optimizer.clip.adaptive.exclude=[features.*]"),
    KeyCase("average ema decay", ["optimizer.average={ ema: 0.5 }"], "optimizer.average={ ema: 0.9 }"),
    KeyCase("average swa start", ["optimizer.average={ swa: { start: 0.1 } }"], "optimizer.average.swa.start=0.9"),
    KeyCase("average swa every", ["optimizer.average={ swa: { start: 0 } }"], "optimizer.average.swa.every=2"),
    KeyCase(
      "augmentation padded_crop padding", ["data.augmentation=[{ padded_crop: 2 }]"],
      "data.augmentation=[{ padded_crop: 4 }]"),
    KeyCase("augmentation random_resized_crop size", resized, "data.augmentation.0.random_resized_crop.size=14"),
    KeyCase(
      "augmentation random_resized_crop scale", resized, "data.augmentation.0.random_resized_crop.scale=[0.1, 0.2]"),
    KeyCase("augmentation random_resized_crop ratio", resized, "data.augmentation.0.random_resized_crop.ratio=[2, 3]"),
    KeyCase("augmentation color_jitter brightness", jitter, "data.augmentation.0.color_jitter.brightness=0.9"),
    KeyCase("augmentation color_jitter contrast", jitter, "data.augmentation.0.color_jitter.contrast=0.9"),
    KeyCase("augmentation color_jitter saturation", jitter, "data.augmentation.0.color_jitter.saturation=0.9"),
    KeyCase("augmentation color_jitter hue", jitter, "data.augmentation.0.color_jitter.hue=0.4"),
    KeyCase("augmentation random_erasing probability", erasing, "data.augmentation.0.random_erasing.probability=0"),
    KeyCase("augmentation random_erasing scale", erasing, "data.augmentation.0.random_erasing.scale=[0.4, 0.5]"),
    KeyCase("augmentation random_erasing ratio", erasing, "data.augmentation.0.random_erasing.ratio=[2, 3]"),
    KeyCase(
      "augmentation randaugment operations", ["data.augmentation=[{ randaugment: {} }]"],
      "data.augmentation.0.randaugment.operations=5"),
    KeyCase(
      "augmentation randaugment magnitude", ["data.augmentation=[{ randaugment: {} }]"],
      "data.augmentation.0.randaugment.magnitude=28"),
    KeyCase("mixing mixup alpha", ["data.mixing=[{ mixup: 0.2 }]"], "data.mixing=[{ mixup: 3 }]"),
    KeyCase("mixing cutmix alpha", ["data.mixing=[{ cutmix: 0.2 }]"], "data.mixing=[{ cutmix: 3 }]"),
    KeyCase("data scenes count", "data.train.scenes.count=40"),
    KeyCase("data scenes size", "data.train.scenes.size=20"),
    KeyCase(
      "data scenes classes",
      "data={ train: { scenes: { classes: 4 } }, validation: { scenes: { classes: 4 } }, batch: 4 }"),
    KeyCase("data scenes objects", "data.train.scenes.objects=3"),
    KeyCase("data scenes seed", "data.train.scenes.seed=5"),
    KeyCase(
      "architecture sequential layers", dropout,
      "model.layers=[conv 8, relu, dropout 30, conv 12, relu, global_average_pool, linear]"),
  ]
  private static let plateau = [
    "optimizer.schedule={ name: plateau, patience: 0, factor: 0.1, threshold: 0.5 }", "evaluation.every=1",
  ]
  private static let adaptive = ["optimizer={ name: sgd, rate: 0.1, clip: { adaptive: { ratio: 0.0001 } } }"]
  private static let resized = ["data.augmentation=[{ random_resized_crop: { size: 12 } }]"]
  private static let jitter = [
    "data.augmentation=[{ color_jitter: { brightness: 0.1, contrast: 0.1, saturation: 0.1, hue: 0.1 } }]"
  ]
  private static let erasing = ["data.augmentation=[{ random_erasing: { probability: 1 } }]"]

  /// A case of an objective's key: the objective with some settings, and with one more.
  private static func objective(
    _ name: String, _ key: String, _ value: String, with settings: String = "", base: String...
  ) -> KeyCase {
    // The task loss beside it moves the weights away from where some objectives begin, at 0.
    func outer(_ settings: String) -> String {
      "outer=[{ objective: cross_entropy }, { objective: \(name)\(settings.isEmpty ? "" : ", " + settings) }]"
    }
    return KeyCase(
      "objective \(name) \(key)", base + [outer(settings)],
      outer((settings.isEmpty ? "" : settings + ", ") + "\(key): \(value)"))
  }

  static let objectives: [KeyCase] = [
    objective("cross_entropy", "label_smoothing", "0.3"),
    objective("cross_entropy", "class_weights", "[1, 2, 3, 4, 5, 6, 7, 8]"),
    objective("binary_cross_entropy", "label_smoothing", "0.3"),
    objective("binary_cross_entropy", "class_weights", "[1, 2, 3, 4, 5, 6, 7, 8]"),
    objective("binary_cross_entropy", "positive_weights", "[1, 2, 3, 4, 5, 6, 7, 8]"),
    objective("focal", "gamma", "1"), objective("focal", "alpha", "0.7"),
    objective("class_sensitivity", "at", "virtual"),
    objective("class_sensitivity", "explain", "top", base: "data.train={ scenes: { seed: 9 } }"),
    objective("class_sensitivity", "against", "second"),
    objective("class_sensitivity", "classes", "2", with: "against: all"),
    objective("class_sensitivity", "similarity", "cosine"),
    objective("class_sensitivity", "regularization", "0.1", with: "similarity: spearman"),
    objective("competition", "at", "virtual"), objective("competition", "floor", "0.5"),
    objective("competition", "images", "objects"),
    objective("competition", "grid", "3", base: "data.batch=9"), objective("competition", "scale", "0.7"),
    objective("competition", "jitter", "0.6"), objective("competition", "repeats", "2"),
    objective("cell_share", "at", "virtual"), objective("cell_share", "images", "objects"),
    objective("cell_share", "grid", "3", base: "data.batch=9"), objective("cell_share", "scale", "0.7"),
    objective("cell_share", "jitter", "0.6"), objective("cell_share", "repeats", "2"),
    objective("masked_divergence", "removed", "0.2"),
    objective("energy_inside", "at", "virtual"), objective("energy_inside", "scope", "label"),
    objective("right_reasons", "at", "virtual"), objective("right_reasons", "scope", "all"),
    objective("composite_consistency", "at", "virtual"),
    objective("composite_consistency", "grid", "3", base: "data.batch=9"),
    objective("composite_consistency", "scale", "0.7"),
    objective("contrastive_consistency", "at", "virtual"),
    objective("contrastive_consistency", "explain", "label", base: "model.weights=~"),
    objective("contrastive_consistency", "temperature", "0.1"), objective("contrastive_consistency", "smallest", "0.9"),
    objective("guided_alignment", "at", "virtual"), objective("guided_alignment", "fixed_target", "false"),
    objective("distillation", "temperature", "5"), objective("distillation", "loss", "sigmoid"),
    objective("weight_agreement", "target", "none"), objective("weight_agreement", "similarity", "cosine"),
    objective("weight_agreement", "regularization", "0.1", with: "similarity: spearman"),
    objective("total_variation", "at", "virtual"), objective("sparsity", "at", "virtual"),
    objective("attention_separation", "at", "virtual"), objective("attention_separation", "threshold", "0.2"),
    objective("attention_separation", "sharpness", "3"), objective("attention_separation", "consistency", "3"),
  ]

  @Test("each changes the weights that training ends with", arguments: sections + components + objectives)
  func changes(_ key: KeyCase) throws {
    let (before, after) = try key.setups()
    #expect(try Self.trained(before) != Self.trained(after))
  }
}

extension KeyCase {
  init(_ key: String, _ change: String) { self.init(key, [], change) }

  /// The case with further changes of its recipe.
  func with(_ base: String...) -> KeyCase { KeyCase(key, self.base + base, change) }
}
