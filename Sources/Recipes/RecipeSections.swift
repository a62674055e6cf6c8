import Components
import Datasets
import Learning
import Networks
import Saliency
import Tensors

extension Recipe {
  /// The network.
  public struct Model: Sendable, Section {
    /// Which network.
    public var architecture = Architecture.resnet20
    /// Weights to start from; nil for a random initialization.
    public var weights: String?
    /// How the task loss normalizes; nil for what ``weights`` allow: running statistics come with them, and random ones have
    /// none that fit.
    public var batchNorm: BatchNormMode?
    /// Classes of the network; nil for as many as the data have.
    public var classes: Int?

    /// Whether the task loss normalizes by running statistics throughout, or by the batch's.
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
      keys("classes", &classes, .optional(.integer(2...Architecture.mostClasses)))
    }
  }

  /// The images.
  public struct Data: Sendable, Section {
    /// The mean and std of ImageNet's colors, which most pretrained networks want.
    public static let standardNormalization = Normalization(
      mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225])

    /// What is trained on.
    public var train: any DatasetSource = ImageFolder.Source()
    /// What is measured.
    public var validation: any DatasetSource = ImageFolder.Source()
    /// How pixels become the network's input.
    public var normalization = standardNormalization
    /// How images come to the network's size.
    public var resizeCrop = ResizeCrop()
    /// Changes of training images, in order.
    public var augmentation: [any Augmentation] = []
    /// How training batches are mixed: one of these, drawn for each batch.
    public var mixing: [any Mixing] = []
    /// Images in a training step.
    public var batch = 32
    /// Threads that read and augment.
    public var workers = 1
    /// Mebibytes of training images that are kept in memory once they were read, and as many of validation images; nil for none.
    public var cache: Int?
    /// What becomes of images that cannot be read.
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

  /// The maps that objectives compare.
  public struct Maps: Sendable, Section {
    /// How maps are made.
    public var method = Method.normGrad
    /// Where maps are made.
    public var layers: [String] = []

    /// The section with every setting at its default.
    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys("method", &method, .method, isRequired: true)
      keys("layers", &layers, .list(.word, atLeast: 1), isRequired: true)
      keys.requireDistinct("layers", layers)
    }
  }

  /// What is measured before, during and after the run.
  public struct Evaluation: Sendable, Section {
    /// Validation images that are measured, spread evenly over the set.
    public var images = 200
    /// Steps between evaluations during the run; 0 for only before and after.
    public var every = 0
    /// What maps are judged by, each with its settings. In a recipe `accuracy` may stand among them, or alone where nothing else
    /// is wanted; it is always measured.
    public var measures: [any Measure] = [ClassSensitivityMeasure()]
    /// Methods whose maps are measured.
    public var methods: [Method] = [.normGrad]
    /// Layers at which maps are measured; empty for the layers that the objectives compare.
    public var layers: [String] = []
    /// The rate of the virtual class update before maps are measured again; nil for plain maps only.
    public var virtualRate: Double?
    /// What maps are measured in; float32 is about twice as fast, and moves maps after a virtual update by some thousandths.
    public var precision = ScalarType.float64
    /// Images of which figures are drawn.
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
      // Two of one measure would stand under one name.
      keys.requireDistinct("measures", named.map { $0?.name ?? "accuracy" })
      keys.requireDistinct("methods", methods)
      keys.requireDistinct("layers", layers)
    }
  }

  /// The run itself.
  public struct Run: Sendable, Section {
    /// Updates of the parameters.
    public var steps = 0
    /// What everything random is drawn from.
    public var seed = 0
    /// Steps between checkpoints; 0 for only after the last.
    public var checkpointEvery = 0
    /// The run's folder, from the current one.
    public var output = ""
    /// Threads; nil for as many as there are processors.
    public var workers: Int?
    /// Whether a step recomputes activations rather than keep them: less memory for more time.
    public var recompute = false
    /// What the network, the batches and the optimizer's memory are held and computed in.
    public var precision = ScalarType.float32
    /// Whether the first gradient of one image is computed in float64 too, to say so if float32 is far off.
    public var comparesPrecision = true

    /// The section with every setting at its default.
    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys("steps", &steps, .count(from: 0), isRequired: true)
      keys("seed", &seed, .integer(0...(.max)))
      keys("checkpoint_every", &checkpointEvery, .count(from: 0))
      keys("output", &output, .outputPath, isRequired: true)
      keys("workers", &workers, .optional(.integer(1...1024), none: "all"))
      keys("recompute", &recompute, .boolean)
      keys("precision", &precision, .choice())
      keys("compare_precision", &comparesPrecision, .boolean)
    }
  }
}
