import Foundation
import Networks
import Saliency
import Tensors

/// The outer gradient: of a weighted sum of objectives, some of them on maps after a virtual class update, with respect to
/// the network's parameters.
public struct MetaStep: Sendable {
  /// The virtual class update; needed where an objective is taken at the virtual weights.
  public var inner: InnerUpdate?
  /// How maps are made.
  public var method: Method
  /// Layers whose maps the objectives compare.
  public var layers: [String]
  /// The terms of the outer loss.
  public var objectives: [WeightedObjective]
  /// How the task loss normalizes. Maps and inner updates always use the running statistics.
  public var normalization: Pass.Normalization

  /// A meta step.
  public init(
    inner: InnerUpdate?, method: Method, layers: [String], objectives: [WeightedObjective],
    normalization: Pass.Normalization = .running
  ) {
    self.inner = inner
    self.method = method
    self.layers = layers
    self.objectives = objectives
    self.normalization = normalization
  }

  /// What one step gives.
  public struct Outcome: Sendable {
    /// The derivative of the total, per parameter in order.
    public var gradients: [Tensor]
    /// Each objective's value, in their order; nil for one of weight 0, which is not worked out.
    public var values: [Double?]
    /// The weighted sum.
    public var total: Double
    /// The network's running statistics after the step; nil unless the task loss normalizes by the batch.
    public var statistics: Network?
  }

  /// The outer gradient for a batch.
  ///
  /// In image scope every image is a job of its own, and their gradients are added in the order of the images: the result
  /// does not depend on the number of workers.
  ///
  /// - Parameters:
  ///   - images: [N, H, W, 3], of the parameters' type.
  ///   - labels: N classes.
  ///   - targets: how much of each class each image is, [N, classes], for the task losses; nil for its label alone.
  ///   - random: draws the opposed classes where an objective wants random ones.
  public func callAsFunction(
    _ network: Network, _ images: Tensor, labels: [Int], targets: Tensor? = nil, workers: Int = Parallel.processors,
    random: inout RandomSource
  ) throws -> Outcome {
    let targets = targets ?? .shares(of: labels.map { [($0, 1)] }, classes: network.classes, images.scalarType)
    let batch = Batch(images: images, labels: labels, targets: targets, draws: labels.map { _ in random.next() })
    var outcome = Outcome(gradients: [], values: objectives.map { _ in nil }, total: 0)
    let all = 0..<labels.count
    // Batch statistics tie the images of the task loss together, so that it needs the whole batch at once.
    let whole = objectives.map { normalization == .batch && $0.objective.isTask }
    let apart = whole.map { !$0 }
    if isOn(whole) {
      outcome.add(
        try Parallel.withKernelThreads(workers) { try UpdateGroup(self, whole, network, batch, [all]).outcome() })
    }
    if isOn(apart) {
      switch needsUpdate ? inner?.scope : nil {
      case .image:
        try Parallel.forEachInOrder(all.count, workers: workers, atOnce: Self.imagesAtOnce(network)) {
          try UpdateGroup(self, apart, network, batch, [$0..<($0 + 1)]).outcome()
        } _: {
          outcome.add($0)
        }
      case .batch:
        outcome.add(
          try Parallel.withKernelThreads(workers) {
            try UpdateGroup(self, apart, network, batch, parts(of: all.count)).outcome()
          })
      case nil:
        let parts = parts(of: all.count)
        try Parallel.forEachInOrder(parts.count, workers: workers) {
          try UpdateGroup(self, apart, network, batch, [parts[$0]]).outcome()
        } _: {
          outcome.add($0)
        }
      }
    }
    if outcome.gradients.isEmpty { outcome.gradients = network.parameters.map { .zeros($0.shape, $0.scalarType) } }
    outcome.total = zip(outcome.values, objectives).reduce(0) { $0 + ($1.0 ?? 0) * $1.1.weight }
    return outcome
  }

  /// What a step is taken on.
  struct Batch {
    /// [N, H, W, 3].
    let images: Tensor
    /// N classes.
    let labels: [Int]
    /// [N, classes].
    let targets: Tensor
    /// A random number for each image.
    let draws: [UInt64]
  }

  /// Whether some of these objectives count.
  private func isOn(_ included: [Bool]) -> Bool { zip(included, objectives).contains { $0 && $1.weight != 0 } }

  /// Whether some objective that counts is taken at virtual weights.
  private var needsUpdate: Bool {
    objectives.contains { term in
      guard term.weight != 0, case .classSensitivity(let sensitivity) = term.objective else { return false }
      return sensitivity.at.contains(.virtual)
    }
  }

  /// Images that need no update of their own go a few together, since a parameter's gradient, which may be larger than all
  /// else, is then written once for all of them.
  private func parts(of count: Int) -> [Range<Int>] { evenParts(of: count, atMost: Self.imagesPerPart) }

  private static let imagesPerPart = 4

  /// How many images with updates of their own may be under way at once. Each holds some copies of the network's parameters
  /// besides its activations, about eight times the parameters in all; a sixteenth of the machine's memory may go there.
  private static func imagesAtOnce(_ network: Network) -> Int {
    let size = network.parameters.reduce(0) { $0 + $1.count * $1.scalarType.size }
    return max(1, Int(clamping: ProcessInfo.processInfo.physicalMemory) / 16 / max(1, 8 * size))
  }
}

extension MetaStep.Outcome {
  /// Adds what other images gave, or other objectives on the same images.
  fileprivate mutating func add(_ other: Self) {
    gradients.add(other.gradients)
    values.add(other.values)
    statistics = other.statistics ?? statistics
  }
}
