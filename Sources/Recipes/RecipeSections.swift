import Components
import Datasets
import Learning
import Networks
import Saliency
import Tensors

extension Recipe {
  /// The network.
  public struct Model: Sendable, Section {
    /// The architecture.
    public var architecture = Architecture.resnet20
    /// The file of the weights to start from; nil for a random initialization.
    public var weights: String?
    /// The batch norm mode of the task loss. Nil chooses by ``weights``: frozen if weights with running statistics are
    /// given, and train for a random initialization, whose running statistics do not fit.
    public var batchNorm: BatchNormMode?
    /// The rates of dropout and of stochastic depth in the passes of task losses.
    public var dropping = Dropping()
    /// The number of classes of the network; nil for the number of classes in the data.
    public var classes: Int?

    /// Whether batch norms use running statistics throughout (frozen) or, for the task loss, the batch's statistics
    /// (train).
    public enum BatchNormMode: String, Sendable, CaseIterable { case frozen, train }

    /// The section with every setting at its default.
    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys.component("architecture", &architecture, of: Registries.architectures)
      keys("weights", &weights, .optional(.inputPath))
      let needsBatch = weights == nil && architecture.hasBatchNorms
      var mode = batchNorm ?? (needsBatch ? .train : .frozen)
      keys("batch_norm", &mode, .choice())
      batchNorm = mode
      if needsBatch && mode == .frozen {
        keys.refuse(
          "batch_norm", "frozen statistics come with weights, and there are none: name 'weights', or say 'train'")
      }
      keys("dropout", &dropping.dropout, .dropRate)
      keys("stochastic_depth", &dropping.stochasticDepth, .dropRate)
      keys("classes", &classes, .optional(.integer(2...Architecture.mostClasses)))
    }
  }

  /// The data sets and how images are preprocessed.
  public struct Data: Sendable, Section {
    /// The mean and std of ImageNet's colors, which most pretrained networks expect.
    public static let standardNormalization = Normalization(
      mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225])

    /// The training set.
    public var train: any DatasetSource = ImageFolder.Source()
    /// The validation set, on which networks are measured.
    public var validation: any DatasetSource = ImageFolder.Source()
    /// The normalization of pixels.
    public var normalization = standardNormalization
    /// The resizing and cropping to the network's input size.
    public var resizeCrop = ResizeCrop()
    /// The augmentations of training images, in order.
    public var augmentation: [any Augmentation] = []
    /// The ways of mixing images; one of them is drawn for each training batch.
    public var mixing: [any Mixing] = []
    /// The number of images in a training batch.
    public var batch = 32
    /// The number of threads that read and augment images.
    public var workers = 1
    /// The size in mebibytes of the memory cache of decoded training images, and of another for validation images; nil
    /// for no cache.
    public var cache: Int?
    /// The handling of images that cannot be read.
    public var brokenImages = BrokenImages.stop

    /// The section with every setting at its default.
    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys("train", &train, .component(Registries.datasets), isRequired: true)
      keys("validation", &validation, .component(Registries.datasets), isRequired: true)
      keys("normalization", &normalization, .normalization)
      keys("resize", &resizeCrop.resize, .optional(.integer(1...8192)))
      keys("crop", &resizeCrop.crop, .optional(.integer(1...8192)))
      keys("augmentation", &augmentation, .list(.component(Registries.augmentations)))
      keys("mixing", &mixing, .list(.component(Registries.mixings)))
      keys("batch", &batch, .integer(1...65_536))
      keys("workers", &workers, .integer(1...256))
      keys("cache", &cache, .optional(.integer(1...(1 << 24), "mebibytes")))
      keys("broken_images", &brokenImages, .choice())
      if !mixing.isEmpty && batch < 2 { keys.refuse("mixing", "there is nothing to mix in a batch of one image") }
      if let resize = resizeCrop.resize, let crop = resizeCrop.crop, crop > resize {
        keys.refuse("crop", "a window of \(crop) in images whose shorter side is \(resize)")
      }
    }
  }

  /// The saliency maps that objectives compare.
  public struct Maps: Sendable, Section {
    /// The saliency method.
    public var method = Method.normGrad
    /// The layers at which maps are computed.
    public var layers: [String] = []

    /// The section with every setting at its default.
    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys("method", &method, .method, isRequired: true)
      keys("layers", &layers, .list(.word, atLeast: 1), isRequired: true)
      keys.requireDistinct("layers", layers)
    }
  }

  /// The measures before, during and after the run.
  public struct Evaluation: Sendable, Section {
    /// The number of validation images that are measured, spread evenly over the set.
    public var images = 200
    /// The number of steps between evaluations; 0 to evaluate only before and after the run.
    public var every = 0
    /// The measures of maps, each with its settings. A recipe may also list `accuracy`, or only `accuracy` for no
    /// measure of maps; it is always measured.
    public var measures: [any Measure] = [ClassSensitivityMeasure()]
    /// The saliency methods whose maps are measured.
    public var methods: [Method] = [.normGrad]
    /// The layers at which maps are measured, in addition to those that the objectives compare.
    public var layers: [String] = []
    /// The rate of the virtual class update after which maps are measured again; nil to measure only plain maps.
    public var virtualRate: Double?
    /// The precision in which maps are measured. Float32 is about twice as fast, and changes maps after a virtual
    /// update by some thousandths.
    public var precision = ScalarType.float64
    /// The number of images whose maps are drawn as figures.
    public var figures = 4

    /// The section with every setting at its default.
    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys("images", &images, .count(from: 1))
      keys("every", &every, .count(from: 0))
      var named: [(any Measure)?] = [nil] + measures
      keys("measures", &named, .list(.measure))
      measures = named.compactMap(\.self)
      keys("methods", &methods, .list(.method, atLeast: 1))
      keys("layers", &layers, .list(.word))
      keys("virtual_rate", &virtualRate, .optional(.rate))
      keys("precision", &precision, .choice())
      keys("figures", &figures, .integer(0...1000, "each is a file"))
      // Results are stored by these names, so they must be unique.
      keys.requireDistinct("measures", named.map { $0?.resultName ?? "accuracy" })
      keys.requireDistinct("methods", methods)
      keys.requireDistinct("layers", layers)
    }
  }

  /// The settings of the run itself.
  public struct Run: Sendable, Section {
    /// The number of training steps, each with one update. If the recipe states ``epochs``, it is 0 until ``resolve(_:)``.
    public var steps: Int {
      get { statedSteps ?? 0 }
      set { statedSteps = newValue }
    }
    private var statedSteps: Int?
    /// The length of training in passes over the training set; nil if the recipe states the number of steps.
    public private(set) var epochs: Double?
    /// The largest number of minutes that training may take; nil for no limit. A run that reaches it saves its state, from
    /// which it can be resumed.
    public var timeLimit: Double?
    /// The number of evaluations in a row without a lower outer loss after which training stops; nil for no limit.
    public var patience: Int?
    /// The random seed.
    public var seed = 0
    /// The number of steps between checkpoints; 0 to save only after the last step.
    public var checkpointEvery = 0
    /// The number of best networks whose checkpoints are kept.
    public var keepBest = 1
    /// The run's folder, relative to the current folder.
    public var output = ""
    /// The number of threads; nil for the number of processors.
    public var workers: Int?
    /// The logs that are written beside `metrics.jsonl`.
    public var logs: [Log] = []
    /// Whether a step recomputes activations in place of keeping them, which needs less memory and more time.
    public var recompute = false
    /// The precision of the network, the batches and the optimizer's state.
    public var precision = ScalarType.float32
    /// Whether the first gradient of one image is also computed in float64, to report a large difference from float32.
    public var comparesPrecision = true

    /// The kinds of logs: `metrics.csv` and `evaluations.csv`, or event files for TensorBoard.
    public enum Log: String, Sendable, CaseIterable { case csv, tensorboard }

    /// The section with every setting at its default.
    public init() {}

    /// States the length of training in steps, if the recipe states it in epochs.
    ///
    /// - Parameter updates: the number of updates in an epoch.
    public mutating func resolve(_ updates: Int) {
      guard let epochs else { return }
      (steps, self.epochs) = (Int((epochs * Double(updates)).rounded()), nil)
    }

    public mutating func visit(_ keys: Keys) {
      keys("epochs", &epochs, .alternative(.number(0...1e6)))
      keys("steps", &statedSteps, .alternative(.count(from: 0)), isRequired: epochs == nil)
      if epochs != nil && statedSteps != nil { keys.refuse("epochs", "run.steps states the length of training, too") }
      keys("time_limit", &timeLimit, .optional(.number(0.001...1e6, "minutes")))
      keys("patience", &patience, .optional(.count(from: 1)))
      keys("seed", &seed, .integer(0...(.max)))
      keys("checkpoint_every", &checkpointEvery, .count(from: 0))
      keys("keep_best", &keepBest, .integer(1...1000))
      keys("output", &output, .outputPath, isRequired: true)
      keys("workers", &workers, .optional(.integer(1...1024), none: "all"))
      keys("logs", &logs, .list(.choice()))
      keys.requireDistinct("logs", logs.map(\.rawValue))
      keys("recompute", &recompute, .boolean)
      keys("precision", &precision, .choice())
      keys("compare_precision", &comparesPrecision, .boolean)
    }
  }
}
