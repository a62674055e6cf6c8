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
    let count = labels.count
    let targets = targets ?? .shares(of: labels.map { [($0, 1)] }, classes: network.classes, images.scalarType)
    let draws = labels.map { _ in random.next() }
    let weights = objectives.map(\.weight)
    var outcome: Outcome
    // Batch statistics tie the images of the task loss together, so that it needs the whole batch at once.
    let (whole, apart) = split()
    func isOn(_ parts: [Bool]) -> Bool { zip(parts, weights).contains { $0 && $1 != 0 } }
    outcome = Outcome(gradients: [], values: objectives.map { _ in nil }, total: 0)
    if isOn(whole) {
      outcome.add(
        Parallel.withKernelThreads(workers) {
          Terms(self, whole).outcome(network, images, labels, targets, draws, share: 1)
        },
        share: 1)
    }
    if isOn(apart) {
      // A virtual update is one image's own. Without it a few images go together, since a parameter's gradient, which may
      // be larger than all else, is then written once for all of them.
      let jobs = needsUpdate(apart) ? (0..<count).map { $0..<($0 + 1) } : evenParts(of: count, atMost: 4)
      try Parallel.forEachInOrder(
        jobs.count, workers: workers,
        { index in
          let job = jobs[index]
          let part = Terms(self, apart).outcome(
            network, images.sliced(axis: 0, from: job.lowerBound, length: job.count), Array(labels[job]),
            targets.sliced(axis: 0, from: job.lowerBound, length: job.count), Array(draws[job]),
            share: Double(job.count) / Double(count))
          return (part, Double(job.count) / Double(count))
        }
      ) { outcome.add($0, share: $1) }
    }
    if outcome.gradients.isEmpty { outcome.gradients = network.parameters.map { .zeros($0.shape, $0.scalarType) } }
    outcome.total = zip(outcome.values, weights).reduce(0) { $0 + ($1.0 ?? 0) * $1.1 }
    return outcome
  }

  /// Whether some of the parts that are on are taken at virtual weights.
  private func needsUpdate(_ parts: [Bool]) -> Bool {
    zip(parts, objectives).contains { isOn, term in
      if isOn, term.weight != 0, case .classSensitivity(let sensitivity) = term.objective {
        sensitivity.at.contains(.virtual)
      } else {
        false
      }
    }
  }

  /// Which objectives take the batch as one, and which take image by image.
  private func split() -> (whole: [Bool], apart: [Bool]) {
    let whole = objectives.map { term in
      switch term.objective {
      case .crossEntropy, .binaryCrossEntropy: normalization == .batch || inner?.scope == .batch
      case .classSensitivity(let sensitivity): inner?.scope == .batch && sensitivity.at.contains(.virtual)
      }
    }
    return (whole, whole.map { !$0 })
  }
}

extension MetaStep.Outcome {
  /// Adds what a share of the batch gave: gradients are weighted already, values are means over the share.
  fileprivate mutating func add(_ other: Self, share: Double) {
    if gradients.isEmpty {
      gradients = other.gradients
    } else {
      for index in gradients.indices { gradients[index].accumulate(other.gradients[index]) }
    }
    for (index, value) in other.values.enumerated() {
      guard let value else { continue }
      values[index] = (values[index] ?? 0) + share * value
    }
    statistics = other.statistics ?? statistics
  }
}
