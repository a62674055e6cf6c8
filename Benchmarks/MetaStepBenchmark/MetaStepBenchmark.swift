import ArgumentParser
import Datasets
import Foundation
import Learning
import Networks
import Saliency
import Tensors
import Training

/// Measures one outer gradient on random images. It is the counterpart of a PyTorch script with the same options, and
/// both can be run alternately. The explained class is the most likely one, the contrast class the least likely one.
@main struct MetaStepBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "metasal-benchmark",
    abstract: "Time one kind of work on random images; prints one JSON object, for convolutions a table.")

  enum Work: String, CaseIterable, ExpressibleByArgument {
    /// One outer gradient.
    case meta
    /// The gradient of the cross-entropy only.
    case train
    case inference
    /// Reading a folder of images in batches: decoding, a random flip and crop, normalization.
    case data
    /// Each convolution of the network separately; prints a table.
    case convolutions
  }

  @Option var work: Work = .meta
  @Option var architecture: Architecture = .resnet20
  @Option(
    help:
      "Layers whose maps are compared, separated by commas; for convolutions, what the names of those wanted begin with."
  )
  var layers: String?
  @Option var batch = 32
  @Option var size = 32
  @Option var rate = 0.01
  @Option var scope: InnerUpdate.Scope = .image
  @Option var order: InnerUpdate.Order = .exact
  @Option(help: "A folder with a folder of images for each class, all of one size; for data.") var folder = ""
  @Option(help: "Threads.") var threads = Parallel.processors
  @Option var repeats = 5
  @Flag(help: "Work activations out again rather than keep them.") var recompute = false
  @Flag(help: "Print where the time of one more step goes, on standard error.") var profile = false

  func run() throws {
    switch work {
    case .data: try readData()
    case .meta, .train, .inference: try runNetwork()
    case .convolutions:
      let network = architecture.network(classes: architecture.usualClasses)
      ConvolutionBenchmark(network, batch: batch, size: size, layers: layerNames ?? []).run(
        threads: threads, repeats: repeats)
    }
  }

  private var layerNames: [String]? { layers?.split(separator: ",").map(String.init) }

  private func runNetwork() throws {
    let network = architecture.network(classes: architecture.usualClasses)
    var random = RandomSource(seed: 0, purpose: "benchmark")
    let images = Tensor.normal([batch, size, size, 3], using: &random)
    let labels = network(images).logits.argmax()
    let task = WeightedObjective(.crossEntropy, weight: 1)
    let step = MetaStep(
      inner: InnerUpdate(rate: rate, scope: scope, order: order), method: .normGrad,
      layers: layerNames ?? ["layer2", "layer3.0"],
      objectives: [
        task, WeightedObjective(.classSensitivity(ClassSensitivity(at: [.virtual], explain: .top)), weight: 1),
      ], recomputes: recompute)
    let plain = MetaStep(inner: nil, method: .normGrad, layers: [], objectives: [task])

    var gradients: [Tensor] = []
    func once() throws {
      gradients = []  // released as after a training step; otherwise they would count in the next run's memory
      switch work {
      case .meta:
        gradients = try step(network, images, labels: labels, workers: threads, random: &random).gradients
      case .train:
        gradients = try plain(network, images, labels: labels, workers: threads, random: &random).gradients
      default: Parallel.withKernelThreads(threads) { gradients = [network(images).logits] }
      }
    }
    let seconds = try Self.median(repeats, once)
    let memory = peakMemory()
    let norm = gradients.reduce(0) { $0 + $1.squared.sum().item }.squareRoot()

    Profile.start()
    try once()
    guard let report = Profile.stop() else { return }
    let convolutions = report.totals.filter { $0.name.hasPrefix("convolution") }
    let (operations, duration) = convolutions.reduce((0, 0.0)) { ($0.0 + $1.arithmetic, $0.1 + Double($1.duration)) }
    // Images, or parts of four images, are computed on different threads; in inference the threads share each
    // convolution.
    let jobs = work == .inference ? 1 : work == .meta && scope == .image ? batch : (batch + 3) / 4
    let apart = Double(min(threads, jobs))
    if profile { FileHandle.standardError.write(Data((report.text() + "\n").utf8)) }

    let result: [String: Any] = [
      "work": work.rawValue, "architecture": architecture.label, "batch": batch, "size": size,
      "scope": scope.rawValue, "order": order.rawValue, "threads": threads, "seconds": seconds,
      "norm": norm, "peak_memory_mib": memory, "gflop": Double(report.totals.reduce(0) { $0 + $1.arithmetic }) * 1e-9,
      "convolution_gflops": Double(operations) / max(1, duration) * apart,
      "peak_gflops": Profile.peakRate(threads: threads),
    ]
    let data = try JSONSerialization.data(withJSONObject: result, options: [.sortedKeys])
    print(String(decoding: data, as: UTF8.self))
  }

  /// Reads the folder in batches, as training does.
  private func readData() throws {
    let source = BatchSource(
      try ImageFolder(folder), size: batch,
      normalization: Normalization(mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]),
      augmentation: [HorizontalFlip(), PaddedCrop(4)])
    func once() throws {
      let batches = Prefetcher(source, steps: 0..<source.batchesPerEpoch, threads: threads)
      while try batches.next() != nil {}
    }
    let seconds = try Self.median(repeats, once)
    let images = source.batchesPerEpoch * batch
    print(
      #"{"work": "data", "images": \#(images), "seconds": \#(seconds), "peak_memory_mib": \#(peakMemory())}"#
    )
  }

  /// The median of the wall-clock time in seconds, after one run that is not counted.
  static func median(_ repeats: Int, _ body: () throws -> Void) rethrows -> Double {
    try body()
    let times = try (0..<max(1, repeats)).map { _ in
      let start = ContinuousClock.now
      try body()
      return (ContinuousClock.now - start) / .seconds(1)
    }.sorted()
    return times[times.count / 2]
  }

  /// The peak memory of the process in MiB.
  private func peakMemory() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_maxrss) / 1024
  }
}

extension Architecture {
  /// The number of classes of CIFAR-10 or of ImageNet.
  fileprivate var usualClasses: Int {
    [.resnet20, .resnet32, .resnet44, .resnet56, .plain].contains(self) ? 10 : 1000
  }
}

extension Architecture: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}
extension InnerUpdate.Scope: ExpressibleByArgument {}
extension InnerUpdate.Order: ExpressibleByArgument {}
