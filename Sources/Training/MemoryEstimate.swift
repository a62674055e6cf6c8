import Components
import Datasets
import Learning
import Networks
import Recipes
import Saliency
import Tensors

/// An estimate of the peak memory of a recipe, made before anything large is allocated. Its factors were fitted by hand
/// to the peaks of some twenty runs (see `MetaStep.footprint`), which it reproduces to about a quarter. That suffices
/// to refuse runs that cannot fit.
public struct MemoryEstimate: Sendable {
  /// The peak memory of training and of an evaluation in bytes, including the network.
  public let training, evaluation: Double
  /// The memory of a training step on one image in float64, in bytes.
  private let double: Double
  private let parts: [(what: String, bytes: Double, advice: String)]

  /// The sizes of a recipe's images and data sets.
  struct Sizes {
    /// The size of an image after resizing and cropping, in pixels.
    var training, validation: (height: Int, width: Int)
    /// The number of images in the data set, and the number of bytes of one after resizing and cropping.
    var trainingSet, validationSet: (count: Int, bytes: Int)

    /// Takes the sizes from the first image of each data set.
    init(_ recipe: Recipe, _ train: BatchSource, _ validation: BatchSource, _ first: Sample, _ measured: Sample) {
      func size(_ sample: Sample) -> (height: Int, width: Int) { (sample.image.height, sample.image.width) }
      (training, self.validation) = (size(first), size(measured))
      for size in recipe.data.augmentation.compactMap(\.outputSize) { training = (size.height, size.width) }
      trainingSet = (train.dataset.count, first.image.pixels.count)
      validationSet = (validation.dataset.count, measured.image.pixels.count)
    }
  }

  /// Estimates the memory of a run with this recipe, whose network and objectives already exist.
  init(_ recipe: Recipe, _ network: Network, _ step: MetaStep, _ measured: Evaluation, _ sizes: Sizes, workers: Int) {
    let scalar = Double(network.scalarType.size)
    let count = Double(network.parameters.reduce(0) { $0 + $1.count })
    let weights = count * scalar
    func activations(_ size: (height: Int, width: Int)) -> Double {
      network.activationCount(height: size.height, width: size.width)
    }
    // The initial and the current network, the optimizer's state, and the updated copies of both.
    let kept =
      Self.program + weights
      * (Double(3 + max(1, recipe.optimizer.rule.slots.count) + (recipe.optimizer.averaging == nil ? 0 : 2)))
    let batch = recipe.imagesPerUpdate
    let (height, width) = sizes.training
    let numbers = Double(height) * Double(width) * 3
    // The batches that wait, those that are being made, and the current one, including their pixels.
    let batches = Double(batch) * numbers * (scalar + 1) * Double(5 + recipe.data.workers)
    let cached = Self.cached(recipe, sizes)
    let footprint = step.footprint(
      of: [recipe.data.batch, height, width, 3], parameterBytes: Int(weights), workers: workers,
      classes: network.classes)
    let steps = footprint.activations * activations(sizes.training) * scalar + footprint.parameters * weights

    let exact = Double(measured.precision.size)
    let footprints = measured.measures.map(\.footprint)
    let pixels = footprints.map(\.pixels).max() ?? 1
    let images = Double(min(workers, max(1, recipe.evaluation.images)))
    let passes = footprints.map(\.passes).max() ?? 0
    let isMoved = measured.virtualRate != nil || recipe.inner != nil
    let maps =
      images
      * (activations(sizes.validation)
        * (exact * pixels * (isMoved ? 2 : 1) + passes * scalar) + count * exact * (isMoved ? 1.2 : 0))
      + count * exact * (1 + footprints.reduce(0) { $0 + $1.networks })
    let resized = Double(sizes.validation.height) * Double(sizes.validation.width) * 3
    let shown = Double(min(recipe.data.batch, recipe.evaluation.images)) * resized * (scalar + 1)
    evaluation = Self.program + weights * 2 + maps + shown + cached
    training = max(kept + batches + steps + cached, kept + batches + maps + shown + cached)
    let one = step.footprint(
      of: [1, height, width, 3], parameterBytes: Int(count) * 8, workers: 1, classes: network.classes)
    // The network and, where objectives compare with it, the reference, both in float64.
    let copies = step.usesReference ? 2.0 : 1
    double = 8 * (one.activations * activations(sizes.training) + (one.parameters + copies) * count)
    parts = [
      ("the network and the optimizer's memory", kept, "take a smaller network"),
      ("batches", batches + shown, "lower data.batch, optimizer.accumulate, data.resize, data.crop or data.workers"),
      ("a step", steps, Self.advice(recipe, step)),
      (
        "the evaluation's maps", maps,
        "lower run.workers, data.resize or data.crop, or say `evaluation: { precision: float32 }`"
      ),
      ("data.cache", cached, "lower data.cache"),
    ]
  }

  /// The memory of the program itself and of buffers that are kept for reuse.
  private static let program = 48.0 * 1_048_576

  private static func cached(_ recipe: Recipe, _ sizes: Sizes) -> Double {
    guard let cache = recipe.data.cache else { return 0 }
    let limit = Double(cache) * 1_048_576
    return [sizes.trainingSet, sizes.validationSet].reduce(0) { $0 + min(limit, Double($1.count) * Double($1.bytes)) }
  }

  private static func advice(_ recipe: Recipe, _ step: MetaStep) -> String {
    let isShared = recipe.inner?.scope == .batch
    return
      "lower run.workers, data.resize or data.crop\(isShared || step.normalization == .batch ? ", data.batch" : "")"
      + (isShared && !step.recomputes ? ", or say `run: { recompute: true }`" : "")
  }

  /// Throws a `RecipeError` that suggests what to reduce if the recipe needs more memory than is available. `trains`
  /// tells whether the recipe is trained or only evaluated.
  func require(of recipe: Recipe, trains: Bool, available: Int?) throws {
    let wanted = trains ? training : evaluation
    guard let available, wanted > Double(available) else { return }
    let own = trains ? parts : parts.filter { $0.what != "a step" }
    guard let largest = own.max(by: { $0.bytes < $1.bytes }) else { return }
    throw recipe.problem(
      "run",
      "about \(Memory.words(wanted)) of memory are needed, most of it for \(largest.what) (\(Memory.words(largest.bytes))), "
        + "where \(Memory.words(Double(available))) are available; \(largest.advice)")
  }

  /// Whether a training step on one image in float64 fits into memory beside the run.
  func leavesDouble(available: Int?) -> Bool { available.map { training + double < Double($0) } ?? true }

  /// Checks that the parameters fit into memory, before the network is created.
  ///
  /// - Throws: a `RecipeError` if the parameters and their gradients alone need more memory than is available.
  static func requireParameters(_ recipe: Recipe, classes: Int, available: Int?) throws {
    // Every use of the network needs at least a value and a gradient per parameter.
    let bytes = recipe.model.architecture.parameterCount(classes: classes) * 2 * Double(recipe.run.precision.size)
    guard let available, bytes > Double(available) else { return }
    throw recipe.problem(
      "model",
      "the parameters and their gradients take \(Memory.words(bytes)), where \(Memory.words(Double(available))) are available; "
        + "take a smaller network\(classes > 1000 ? ", or fewer classes" : "")")
  }
}
