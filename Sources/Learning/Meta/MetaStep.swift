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
  /// How objectives normalize that do so as training does, such as task losses. Maps and inner updates always use the running
  /// statistics.
  public var normalization: Pass.Normalization
  /// Whether activations are recomputed rather than kept; see `Network.recomputes`.
  public var recomputes: Bool

  /// A meta step.
  public init(
    inner: InnerUpdate?, method: Method, layers: [String], objectives: [WeightedObjective],
    normalization: Pass.Normalization = .running, recomputes: Bool = false
  ) {
    self.inner = inner
    self.method = method
    self.layers = layers
    self.objectives = objectives
    self.normalization = normalization
    self.recomputes = recomputes
  }

  /// What one step gives.
  public struct Outcome: Sendable {
    /// The derivative of the total, per parameter in order.
    public var gradients: [Tensor]
    /// Each objective's value, in their order; nil for one of weight 0, which is not computed.
    public var values: [Double?]
    /// The same for each image of the batch.
    public var valuesByImage: [[Double]?]
    /// The weighted sum.
    public var total: Double
    /// The network's running statistics after the step; nil unless an objective normalizes by the batch.
    public var statistics: Network?
  }

  /// The outer gradient for a batch.
  ///
  /// In image scope the images are computed a few at a time, and their gradients are added in the order of the images: the
  /// result does not depend on the number of workers.
  ///
  /// - Parameters:
  ///   - network: the network that the step starts from.
  ///   - images: [N, H, W, 3], of the parameters' type.
  ///   - labels: N classes.
  ///   - targets: how much of each class each image is, [N, classes], for the task losses; nil for its label alone.
  ///   - workers: how many threads compute images at a time.
  ///   - random: draws the contrast classes where an objective wants random ones.
  /// - Returns: the losses and the gradient with respect to the network's parameters.
  /// - Throws: nothing of its own; an error on a thread that computes images would be passed on.
  public func callAsFunction(
    _ network: Network, _ images: Tensor, labels: [Int], targets: Tensor? = nil, workers: Int = Parallel.processors,
    random: inout RandomSource
  ) throws -> Outcome {
    let network = network.recomputing(recomputes)
    let targets = targets ?? .softTargets(of: labels.map { [($0, 1)] }, classes: network.classes, images.scalarType)
    let batch = Batch(images: images, labels: labels, targets: targets, draws: labels.map { _ in random.next() })
    var sum = Contribution()
    let parameters = network.parameters
    let all = 0..<labels.count
    precondition(!needsUpdate || inner != nil, "MetaStep: an objective at virtual weights, and no inner update")
    // What needs the whole batch at once; each image has parameters of its own in image scope, whoever it is together with.
    let coupled = needs.map { $0.couplesImages || ($0.normalizesAsTraining && normalization == .batch) }
    let apart = needs.map { inner?.scope == .image && $0.usesVirtualWeights }
    for hasOwnParameters in [false, true] {
      let whole = zip(coupled, apart).map { $0 && $1 == hasOwnParameters }
      guard isOn(whole) else { continue }
      sum.add(
        try Parallel.withKernelThreads(workers) {
          try
            (hasOwnParameters
            ? UpdateGroup(self, whole, network, batch, apart: all)
            : UpdateGroup(self, whole, network, batch, sharing: [all])).contribution()
        }, parameters)
    }
    let separate = coupled.map { !$0 }
    if isOn(separate) {
      switch needsUpdate ? inner?.scope : nil {
      case .image:
        let parts = partsApart(images.shape, workers: workers)
        let size = parameters.reduce(0) { $0 + $1.count * $1.scalarType.size }
        let limit = max(1, imagesAtOnce(parameterBytes: size) / max(1, parts.first?.count ?? 1))
        try Parallel.forEachInOrder(parts.count, workers: workers, atOnce: limit) {
          try UpdateGroup(self, separate, network, batch, apart: parts[$0]).contribution()
        } _: {
          sum.add($0, parameters)
        }
      case .batch:
        sum.add(
          try Parallel.withKernelThreads(workers) {
            try UpdateGroup(self, separate, network, batch, sharing: parts(of: all.count)).contribution()
          }, parameters)
      case nil:
        let parts = parts(of: all.count)
        try Parallel.forEachInOrder(parts.count, workers: workers) {
          try UpdateGroup(self, separate, network, batch, sharing: [parts[$0]]).contribution()
        } _: {
          sum.add($0, parameters)
        }
      }
    }
    let values = objectives.indices.map { index in
      sum.values.isEmpty ? nil : sum.values[index].map { $0.reduce(0, +) / Double(labels.count) }
    }
    return Outcome(
      gradients: sum.gradients.isEmpty ? parameters.map { .zeros($0.shape, $0.scalarType) } : sum.gradients,
      values: values, valuesByImage: objectives.indices.map { sum.values.isEmpty ? nil : sum.values[$0] },
      total: zip(values, objectives).reduce(0) { $0 + ($1.0 ?? 0) * $1.1.weight }, statistics: sum.statistics)
  }

  /// What some images add.
  struct Contribution: Sendable {
    /// The derivatives of the total, per parameter in order; with an axis before their own for images that have parameters of
    /// their own.
    var gradients: [Tensor] = []
    /// Each objective's value for each image of the batch, 0 for others' images.
    var values: [[Double]?] = []
    var statistics: Network?
  }

  /// What a step is taken on.
  public struct Batch: Sendable {
    /// [N, H, W, 3], normalized.
    public let images: Tensor
    /// N classes.
    public let labels: [Int]
    /// How much of each class each image is, [N, classes].
    public let targets: Tensor
    /// A random number for each image.
    public let draws: [UInt64]
  }

  /// What each objective has to say beforehand.
  var needs: [ObjectiveNeeds] { objectives.map { $0.objective.needs(MapSettings(method, at: layers)) } }

  /// Whether some of these objectives count.
  func isOn(_ included: [Bool]) -> Bool { zip(included, objectives).contains { $0 && $1.weight != 0 } }

  /// Whether some objective that counts is taken at virtual weights.
  public var needsUpdate: Bool { isOn(needs.map(\.usesVirtualWeights)) }

  /// Images that need no update of their own go a few together, since a parameter's gradient, which may be larger than all
  /// else, is then written once for all of them.
  private func parts(of count: Int) -> [Range<Int>] { evenParts(of: count, atMost: Self.imagesPerPart) }

  static let imagesPerPart = 4

  /// Images that each have their own update go together while they are so small that one alone would leave a processor waiting for
  /// what surrounds the arithmetic, and as long as that leaves two parts for each worker.
  func partsApart(_ shape: [Int], workers: Int) -> [Range<Int>] {
    let small = Self.pixelsTogether / max(1, shape[1] * shape[2])
    return evenParts(of: shape[0], atMost: max(1, min(small, shape[0] / (2 * max(1, workers)))))
  }

  private static let pixelsTogether = 1 << 12

  /// How many images with updates of their own may be under way at once. Each holds some copies of the network's parameters
  /// besides its activations, about eight times the parameters in all; a sixteenth of the machine's memory may go there.
  func imagesAtOnce(parameterBytes size: Int) -> Int {
    max(1, Int(clamping: ProcessInfo.processInfo.physicalMemory) / 16 / max(1, 8 * size))
  }
}

extension MetaStep.Contribution {
  /// Adds what other images gave, one after the other, or other objectives on the same images, for a network with these
  /// parameters.
  fileprivate mutating func add(_ other: Self, _ parameters: [Tensor]) {
    Profile.phase(.outer) {
      for (index, (gradient, parameter)) in zip(other.gradients, parameters).enumerated() {
        if index < gradients.count {
          gradients[index].accumulate(gradient)
        } else if gradient.count == parameter.count {
          gradients.append(gradient.reshaped(parameter.shape))
        } else {
          gradients.append(.zeros(parameter.shape, parameter.scalarType))
          gradients[index].accumulate(gradient)
        }
      }
    }
    values.add(other.values)
    statistics = other.statistics ?? statistics
  }
}
