import ArgumentParser
import Foundation
import Learning
import Networks
import Tensors
import Training

/// One outer gradient on random images, timed: the counterpart of a PyTorch script with the same options, so that the two
/// can be run in turn. The explained and the opposed class are the most and the least likely one.
@main struct MetaStepBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "metasal-benchmark", abstract: "Time one outer gradient on random images; prints one JSON object.")

  @Option var architecture: Architecture = .resnet20
  @Option(help: "Layers whose maps are compared, separated by commas.") var layers = "layer2,layer3.0"
  @Option var batch = 32
  @Option var size = 32
  @Option var rate = 0.01
  @Option var scope: InnerUpdate.Scope = .image
  @Option var order: InnerUpdate.Order = .exact
  @Option(help: "Threads.") var threads = Parallel.processors
  @Option var repeats = 5
  @Flag(help: "Print where the time of one more step goes, on standard error.") var profile = false

  func run() throws {
    let network = architecture.network()
    var random = RandomSource(seed: 0, purpose: "benchmark")
    let images = Tensor.normal([batch, size, size, 3], using: &random)
    let layers = layers.split(separator: ",").map(String.init)
    let labels = network(images).logits.argmax()
    let step = MetaStep(
      inner: InnerUpdate(rate: rate, scope: scope, order: order), method: .normGrad, layers: layers,
      objectives: [
        WeightedObjective(.crossEntropy, weight: 1),
        WeightedObjective(.classSensitivity(ClassSensitivity(at: [.virtual], explain: .top)), weight: 1),
      ])
    let inference = median { _ = network(images) }
    var outcome: MetaStep.Outcome?
    let meta = try median { outcome = try step(network, images, labels: labels, workers: threads, random: &random) }
    if profile {
      Profile.start()
      _ = try step(network, images, labels: labels, workers: threads, random: &random)
      if let report = Profile.stop() { FileHandle.standardError.write(Data((report.text + "\n").utf8)) }
    }
    let norm = outcome?.gradients.reduce(0) { $0 + $1.squared.sum().item }.squareRoot() ?? 0
    let result: [String: Any] = [
      "architecture": architecture.rawValue, "batch": batch, "size": size, "scope": scope.rawValue,
      "order": order.rawValue, "threads": threads, "inference_s": inference, "meta_step_s": meta,
      "gradient_norm": norm, "peak_memory_mib": peakMemory(),
    ]
    let data = try JSONSerialization.data(withJSONObject: result, options: [.sortedKeys])
    print(String(decoding: data, as: UTF8.self))
  }

  /// Median of wall seconds, after one run that is not counted.
  private func median(_ body: () throws -> Void) rethrows -> Double {
    try body()
    let times = try (0..<max(1, repeats)).map { _ in
      let start = ContinuousClock.now
      try body()
      let (seconds, attoseconds) = (ContinuousClock.now - start).components
      return Double(seconds) + Double(attoseconds) * 1e-18
    }.sorted()
    return times[times.count / 2]
  }

  /// MiB.
  private func peakMemory() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_maxrss) / 1024
  }
}

extension Architecture: ExpressibleByArgument {}
extension InnerUpdate.Scope: ExpressibleByArgument {}
extension InnerUpdate.Order: ExpressibleByArgument {}
