import Components
import Datasets
import Formats
import Learning
import Logging
import Networks
import Recipes
import Saliency
import Tensors

/// The network, the data and everything else that a run of a recipe needs, loaded and checked for consistency.
public struct Setup: Sendable {
  /// The recipe.
  public let recipe: Recipe
  /// The network that the run starts from.
  public let network: Network
  /// The source of training batches.
  public let train: BatchSource
  /// The source of validation images.
  public let validation: BatchSource
  /// The meta step, which computes the outer gradient.
  public let step: MetaStep
  /// The evaluation of the network.
  public let evaluation: Evaluation
  /// The class names of the data, in order.
  public let classNames: [String]
  /// The number of threads.
  public let workers: Int
  /// The processes that share the images of every batch and of every evaluation.
  public let communicator: any Communicator
  /// Gets messages and progress; silent in processes other than the first.
  public let logger: Logger
  /// Messages for the user about decisions that the recipe does not state explicitly.
  public let notes: [String]
  /// The estimated memory of a run.
  public let memory: MemoryEstimate

  /// Loads the network and the data of a recipe, and checks that everything fits together and into memory.
  ///
  /// - Parameters:
  ///   - recipe: the recipe.
  ///   - weights: a weight file that replaces the recipe's; nil for the recipe's.
  ///   - trains: whether the recipe is trained, or only evaluated, which needs less memory.
  ///   - communicator: the processes that work on the recipe together; by default a single one.
  ///   - logger: gets messages and progress of whatever is done with the setup; by default they go nowhere.
  /// - Throws: a `RecipeError` or `FileError` if a file does not exist, settings contradict each other, or memory does
  ///   not suffice.
  public init(
    _ recipe: Recipe, weights: String? = nil, trains: Bool = true, communicator: any Communicator = SingleProcess(),
    logger: Logger = .silent
  ) throws {
    self.communicator = communicator
    let processors = communicator.processors
    workers = min(recipe.run.workers ?? processors, processors)
    self.logger = communicator.rank == 0 ? logger : .silent
    let (train, validation) = (try recipe.data.train.dataset(), try recipe.data.validation.dataset())
    guard let classNames = ClassList.common(train.classNames, validation.classNames) else {
      throw recipe.problem(
        "data.validation",
        "its \(validation.classNames.count) classes are not the \(train.classNames.count) of data.train")
    }
    let size = recipe.imagesPerUpdate
    guard train.count >= size else {
      throw recipe.problem(
        recipe.optimizer.accumulate == 1 ? "data.batch" : "optimizer.accumulate",
        "\(size) images in an update, but data.train has only \(train.count)")
    }
    guard size >= communicator.size else {
      throw recipe.problem(
        "data.batch", "\(size) images in an update, fewer than the \(communicator.size) processes that share it")
    }
    let classes = recipe.model.classes ?? classNames.count
    guard classes >= classNames.count else {
      throw recipe.problem("model.classes", "\(classes) classes, but the data have \(classNames.count)")
    }
    self.classNames = classNames
    // Data sources are created first, so that unsuitable images are found before a large network is created.
    let smallestSide = recipe.model.architecture.smallestSide
    let cacheLimit = recipe.data.cache.map { $0 << 20 }
    let readsObjects = trains ? try Self.readsObjects(recipe) : false
    self.train = BatchSource(
      train, size: size, normalization: recipe.data.normalization, resizeCrop: recipe.data.resizeCrop,
      augmentation: recipe.data.augmentation, mixing: recipe.data.mixing, seed: UInt64(recipe.run.seed),
      smallestSide: smallestSide, brokenImages: recipe.data.brokenImages, cacheLimit: cacheLimit,
      precision: recipe.run.precision, shard: Shard(communicator.rank, of: communicator.size),
      readsObjects: readsObjects)
    self.validation = BatchSource(
      validation, size: recipe.data.batch, normalization: recipe.data.normalization, resizeCrop: recipe.data.resizeCrop,
      smallestSide: smallestSide, brokenImages: recipe.data.brokenImages, cacheLimit: cacheLimit,
      precision: recipe.run.precision)
    let remarks = readsObjects ? try Self.checkObjects(recipe, train, validation) : []
    let measured = try self.validation.first()
    let sizes = MemoryEstimate.Sizes(recipe, self.train, self.validation, try self.train.first(), measured)
    let available = Memory.available
    try MemoryEstimate.requireParameters(recipe, classes: classes, available: available)
    let weights = weights ?? recipe.model.weights
    var (network, notes) = try Self.network(recipe, classes: classes, weights: weights)
    if let learned = recipe.inner?.learnedRates {
      network.rateFactors = Self.rateFactors(learned, network, weights: weights)
    }
    self.network = network
    // A resumed run loads the same weights here as at its beginning, so that its reference is the same too.
    step = MetaStep(
      inner: recipe.inner, method: recipe.saliency.method, layers: recipe.saliency.layers, objectives: recipe.outer,
      normalization: recipe.model.batchNorm == .train ? .batch : .running,
      dropping: recipe.model.dropping, recomputes: recipe.run.recompute,
      reference: network, frozen: recipe.optimizer.parameters.frozen(of: network), microBatch: recipe.data.batch)

    let (measures, guards) = MapGuards.measures(
      recipe, step, hasObjects: !measured.objects.isEmpty,
      hasSeveralObjectClasses: measured.objects.contains { $0.label != measured.label } && measured.labels.count == 1,
      MeasureConditions(
        networkClasses: classes, dataClasses: classNames.count,
        images: min(recipe.evaluation.images, validation.count)))
    var recipe = recipe
    recipe.evaluation.measures = measures
    recipe.run.resolve(self.train.batchesPerEpoch)
    self.recipe = recipe
    if let stated = recipe.run.workers, stated > processors {
      notes.append(
        "run.workers is \(stated), and \(communicator.size > 1 ? "each process" : "this machine") has "
          + "\(processors == 1 ? "1 processor" : "\(processors) processors"), so that there are as many threads. More would "
          + "only wait for each other; the results are the same.")
    }
    notes += remarks + Self.remarks(train, validation)
    self.notes =
      notes + (trains ? [MapGuards.note(step), MapGuards.note(on: recipe.inner, network)].compactMap(\.self) : [])
      + guards

    // The outer loss selects the best checkpoint.
    evaluation = Evaluation(
      measures: measures, methods: recipe.measuredMethods, layers: recipe.measuredLayers,
      virtualRate: recipe.evaluation.virtualRate, virtualLoss: recipe.inner?.loss ?? .crossEntropy,
      precision: recipe.evaluation.precision, goal: step)
    // This check comes before the memory estimate, which traces the network with images of these sizes.
    try Self.check(recipe, network, evaluation, sizes, dataClasses: train.classNames.count, trains: trains)
    memory = MemoryEstimate(recipe, network, step, evaluation, sizes, workers: workers)
    try memory.require(of: recipe, trains: trains, available: available)
  }

  private static func network(
    _ recipe: Recipe, classes: Int, weights: String?
  ) throws -> (network: Network, notes: [String]) {
    let (architecture, precision) = (recipe.model.architecture, recipe.run.precision)
    func drawn() -> Network {
      architecture.network(classes: classes, seed: UInt64(recipe.run.seed)).converted(to: precision)
    }
    guard let weights else { return (drawn(), []) }
    let choice = try WeightChoice(from: weights, for: architecture)
    let notes = [choice.note].compactMap(\.self)
    do {
      let network = architecture.network(classes: classes, seed: nil).converted(to: precision)
      return (try network.loading(choice.weights), notes)
    } catch let mismatch as StateMismatch {
      guard let (network, found) = drawn().loadingBackbone(choice.weights) else {
        throw FileError(.malformed, weights, "\(mismatch)")
      }
      let note = "The weights are for \(found) classes: a new head, \(network.head), is drawn for \(classes)."
      return (network, notes + [note])
    }
  }

  /// The learned factors of the inner rate to begin with: those of the checkpoint whose weights are loaded, if it has some of
  /// the same kind, and otherwise 1.
  private static func rateFactors(
    _ learned: InnerUpdate.LearnedRates, _ network: Network, weights: String?
  ) -> [Tensor] {
    let initial = learned.factors(for: network)
    let stored = weights.flatMap { try? Checkpoint(contentsOf: $0) }?.result.rateFactors ?? []
    guard stored.map(\.shape) == initial.map(\.shape) else { return initial }
    return stored.map { $0.converted(to: network.scalarType) }
  }

  /// A message about findings while the data were read that are not in ``notes``: images that were skipped, and parts
  /// that were left out or interpreted in an unusual way; nil if there are none.
  public var findings: String? {
    let skipped = (train.skipped.all + validation.skipped.all).passedOver.map { [$0] } ?? []
    let remarks = Self.remarks(train.dataset, validation.dataset).filter { !notes.contains($0) }
    return skipped.isEmpty && remarks.isEmpty ? nil : (skipped + remarks).joined(separator: "\n")
  }

  /// The remarks about the data so far, with the data set that they are about.
  private static func remarks(_ train: any Dataset, _ validation: any Dataset) -> [String] {
    let (train, validation) = (train.remarks.texts, validation.remarks.texts)
    return train.map { validation.contains($0) ? "The data: \($0)" : "data.train: \($0)" }
      + validation.filter { !train.contains($0) }.map { "data.validation: \($0)" }
  }

  /// The score of a network, which is lowest for the best checkpoint: the recipe's outer loss on the validation images.
  /// Class sensitivity is measured by rank correlation, with the classes, update and weights of the objectives; a
  /// constant map counts as one that does not depend on the class. The score is infinite if the loss is not a number.
  public func score(_ result: Evaluation.Result) -> Double { result.outerLoss(step) }

  /// The training step with the recipe's optimizer and schedule.
  public var trainingStep: TrainingStep {
    TrainingStep(
      step, optimizer: recipe.optimizer.rule, rate: recipe.optimizer.rate, schedule: recipe.optimizer.schedule,
      steps: recipe.run.steps, parameters: recipe.optimizer.parameters, clipping: recipe.optimizer.clipping,
      averaging: recipe.optimizer.averaging, workers: workers, communicator: communicator)
  }
}

extension [FileError] {
  /// A message about images that were skipped because of these errors; nil if there are none.
  public var passedOver: String? {
    guard let first else { return nil }
    let images = count == 1 ? "1 image" : "\(count) images"
    return "\(images) could not be read and passed over: \(first)\(count > 1 ? ", and others" : "")"
  }
}

extension Recipe {
  /// The maps that the objectives compare, which are measured too.
  private var comparedMaps: [MapSettings] {
    [MapSettings(saliency.method, at: saliency.layers)] + outer.map { maps(of: $0) }
  }

  /// The methods whose maps an evaluation measures: those that are stated, and those of the objectives.
  var measuredMethods: [Method] {
    comparedMaps.map(\.method).reduce(into: evaluation.methods) { if !$0.contains($1) { $0.append($1) } }
  }

  /// The layers at which an evaluation measures maps: those that are stated, and those of the objectives.
  var measuredLayers: [String] {
    comparedMaps.flatMap(\.layers).reduce(into: evaluation.layers) { if !$0.contains($1) { $0.append($1) } }
  }
}

extension Setup {
  /// A description of the run for the user, in lines of at most `width` characters.
  public func summary(width: Int = Terminal.usualColumns) -> String {
    (["The recipe is sound.", facts.text(width: width)] + notes).joined(separator: "\n")
  }

  /// Logs the sizes of the network, the data and the run as details.
  public func logFacts() { logger.debug("\(facts.text(width: Terminal.errors.columns))\n") }

  private var facts: Table {
    let parameters = network.parameters.reduce(0) { $0 + $1.count }
    var table = Table(["", ""], leftAligned: 2)
    table.add(["network", "\(network.architecture), \(parameters) parameters, \(network.classes) classes"])
    table.add(["weights", recipe.model.weights ?? "random"])
    table.add([
      "training",
      "\(train.dataset.count) images, \(recipe.data.batch) in a batch, \(train.batchesPerEpoch) updates in an epoch",
    ])
    table.add([
      "validation",
      "\(validation.dataset.count) images, of which \(min(recipe.evaluation.images, validation.dataset.count)) are measured",
    ])
    table.add(["maps", "\(recipe.saliency.method) at \(recipe.saliency.layers.joined(separator: ", "))"])
    table.add([
      "run",
      "\(recipe.run.steps) steps (\(decimal(Double(recipe.run.steps) / Double(train.batchesPerEpoch), 1)) epochs) in "
        + "\(recipe.run.precision.rawValue) into \(recipe.run.output)",
    ])
    let available = Memory.available.map { "; \(Memory.words(Double($0))) are available" } ?? ""
    table.add([
      "memory",
      "about \(Memory.words(memory.training)) in training, \(Memory.words(memory.evaluation)) in evaluation\(available)",
    ])
    return table
  }

  /// Draws the augmented images of the first training batch with their labels, and writes them to a PNG file.
  public func drawFirstBatch(to path: String) throws {
    let batch = try train.batch(step: 0)
    let columns = min(8, batch.rgbImages.count)
    let rows = stride(from: 0, to: batch.rgbImages.count - columns + 1, by: columns).map { start in
      (start..<(start + columns)).map { (batch.rgbImages[$0], train.dataset.classNames[batch.labels[$0]]) }
    }
    try Gallery.labelled(rows).writePNG(to: path)
  }
}
