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
  ///   - random: draws the opposed classes where an objective wants random ones.
  public func callAsFunction(
    _ network: Network, _ images: Tensor, labels: [Int], workers: Int = Parallel.processors, random: inout RandomSource
  ) throws -> Outcome {
    let count = labels.count
    let draws = labels.map { _ in random.next() }
    let weights = objectives.map(\.weight)
    var outcome: Outcome
    // Batch statistics tie the images of the task loss together, so that it needs the whole batch at once.
    let (whole, apart) = split()
    func isOn(_ parts: [Bool]) -> Bool { zip(parts, weights).contains { $0 && $1 != 0 } }
    outcome = Outcome(gradients: [], values: objectives.map { _ in nil }, total: 0)
    if isOn(whole) {
      outcome.add(
        Terms(self, whole).outcome(network, images, labels, draws), weight: 1)
    }
    if isOn(apart) {
      try Parallel.forEachInOrder(
        count, workers: workers,
        { index in
          Terms(self, apart).outcome(
            network, images.sliced(axis: 0, from: index, length: 1), [labels[index]], [draws[index]])
        }
      ) { outcome.add($0, weight: 1 / Double(count)) }
    }
    if outcome.gradients.isEmpty { outcome.gradients = network.parameters.map { .zeros($0.shape, $0.scalarType) } }
    outcome.total = zip(outcome.values, weights).reduce(0) { $0 + ($1.0 ?? 0) * $1.1 }
    return outcome
  }

  /// Which objectives take the batch as one, and which take image by image.
  private func split() -> (whole: [Bool], apart: [Bool]) {
    let whole = objectives.map { term in
      switch term.objective {
      case .crossEntropy: normalization == .batch || inner?.scope == .batch
      case .classSensitivity(let sensitivity): inner?.scope == .batch && sensitivity.at.contains(.virtual)
      }
    }
    return (whole, whole.map { !$0 })
  }
}

extension MetaStep.Outcome {
  fileprivate mutating func add(_ other: Self, weight: Double) {
    let scaled = weight == 1 ? other.gradients : other.gradients.map { $0 * weight }
    gradients = gradients.isEmpty ? scaled : zip(gradients, scaled).map { $0 + $1 }
    for (index, value) in other.values.enumerated() {
      guard let value else { continue }
      values[index] = (values[index] ?? 0) + weight * value
    }
    statistics = other.statistics ?? statistics
  }
}
