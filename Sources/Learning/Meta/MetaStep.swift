import Foundation
import Networks
import Saliency
import Tensors

/// Computes the outer gradient: the derivative of a weighted sum of objectives with respect to the network's
/// parameters. Some of the objectives may be evaluated after a virtual class update.
public struct MetaStep: Sendable {
  /// The virtual class update; required if an objective is evaluated at virtual weights.
  public var inner: InnerUpdate?
  /// The saliency method.
  public var method: Method
  /// The layers whose maps the objectives compare.
  public var layers: [String]
  /// The terms of the outer loss.
  public var objectives: [WeightedObjective]
  /// The normalization of objectives that normalize as in training, such as task losses. Maps and inner updates always
  /// use the running statistics.
  public var normalization: Pass.Normalization
  /// What objectives that normalize as in training leave out of their passes at random. Maps and virtual updates leave out
  /// nothing: they have to be functions of the image alone.
  public var dropping: Dropping
  /// Whether activations are recomputed instead of kept; see `Network.recomputes`.
  public var recomputes: Bool
  /// The network that the run starts from; required if an objective compares with it. It stays the same over a run, and
  /// its parameters are constants.
  public var reference: Network?
  /// The names of parameters that the outer gradient holds constant; their part of it is 0, and is not computed. Virtual
  /// updates move them all the same.
  public var frozen: Set<String>
  /// The largest number of a process's images that share batch statistics, an update in batch scope, or an objective that
  /// couples images; nil for all. Others are computed a few at a time anyway.
  public var microBatch: Int?

  /// Creates a meta step.
  public init(
    inner: InnerUpdate?, method: Method, layers: [String], objectives: [WeightedObjective],
    normalization: Pass.Normalization = .running, dropping: Dropping = Dropping(), recomputes: Bool = false,
    reference: Network? = nil, frozen: Set<String> = [], microBatch: Int? = nil
  ) {
    self.inner = inner
    self.method = method
    self.layers = layers
    self.objectives = objectives
    self.normalization = normalization
    self.dropping = dropping
    self.recomputes = recomputes
    self.reference = reference
    self.frozen = frozen
    self.microBatch = microBatch
  }

  /// The result of one meta step.
  public struct Outcome: Sendable {
    /// The gradient of the total, one tensor per parameter, in order.
    public var gradients: [Tensor]
    /// The gradient with respect to the learned factors of the inner rate, `Network.rateFactors`.
    public var factorGradients: [Tensor] = []
    /// The value of each objective, in order. It is nil for an objective of weight 0, which is not computed.
    public var values: [Double?]
    /// The value of each objective for each image of the batch.
    public var valuesByImage: [[Double]?]
    /// The weighted sum of the values.
    public var total: Double
    /// The network with updated running statistics; nil unless an objective normalizes by the batch.
    public var statistics: Network?
  }

  /// Computes the outer gradient for a batch.
  ///
  /// In image scope a few images are computed at a time, and their gradients are added in an order that depends neither on
  /// the number of workers nor on the number of processes; see ``Communicator/allReduce(_:)``.
  ///
  /// - Parameters:
  ///   - network: the network that the step starts from.
  ///   - images: [N, H, W, 3], of the parameters' scalar type.
  ///   - labels: N classes.
  ///   - targets: soft targets for the task losses, [N, classes]; nil for one-hot targets of the labels.
  ///   - objects: the objects in each image, for objectives that use them; nil for none.
  ///   - workers: the number of threads that compute images at the same time.
  ///   - communicator: the processes that share the batch, each of which passes its own images; by default a single one.
  ///   - random: draws random contrast classes, for objectives that use them.
  /// - Returns: the losses, and the gradient with respect to the network's parameters, over the images of all processes.
  /// - Throws: what the communicator throws, and errors of the threads that compute images.
  public func callAsFunction(
    _ network: Network, _ images: Tensor, labels: [Int], targets: Tensor? = nil, objects: [[Batch.Object]]? = nil,
    workers: Int = Parallel.processors, communicator: any Communicator = SingleProcess(), random: inout RandomSource
  ) throws -> Outcome {
    if usesReference, let reference, reference.scalarType != network.scalarType {
      var step = self
      step.reference = reference.converted(to: network.scalarType)
      return try step(
        network, images, labels: labels, targets: targets, objects: objects, workers: workers,
        communicator: communicator, random: &random)
    }
    precondition(!needsUpdate || inner != nil, "MetaStep: an objective at virtual weights, and no inner update")
    precondition(
      !usesReference || reference != nil, "MetaStep: an objective compares with a reference, and there is none")
    let network = network.recomputing(recomputes)
    let targets = targets ?? .softTargets(of: labels.map { [($0, 1)] }, classes: network.classes, images.scalarType)
    let (batch, own) = try Batch.gathered(
      images, labels: labels, targets: targets, objects: objects, communicator, &random)
    // The gradients of learned factors of the inner rate follow those of the parameters.
    let parameters = network.parameters + network.rateFactors
    var sum = Contribution()
    // Gradients of some images are summed over processes while the next images are worked on.
    let sums = BackgroundSums<Contribution>()
    var counts = [Int](repeating: batch.labels.count, count: objectives.count)
    for (composition, included) in compositions where isOn(included) {
      var (images, own) = (batch, own)
      if let composition {
        images = composition(batch)
        let count = images.labels.count
        own = (count * communicator.rank / communicator.size)..<(count * (communicator.rank + 1) / communicator.size)
      }
      for (index, isIncluded) in included.enumerated() where isIncluded { counts[index] = images.labels.count }
      for part in try contributions(network, images, own, included, workers: workers) {
        if communicator.size == 1 {
          sum.add(part, parameters)
        } else {
          sums.add { try part.reduced(over: communicator, parameters: parameters) }
        }
      }
    }
    for part in try sums.wait() { sum.add(part, parameters) }
    // A process without images for an objective has zeros for it.
    let all = try communicator.sums(
      objectives.indices.map { index in
        objectives[index].weight == 0
          ? nil
          : (sum.values.isEmpty ? nil : sum.values[index]) ?? [Double](repeating: 0, count: counts[index])
      })
    let values = objectives.indices.map { index in
      all[index].map { $0.reduce(0, +) / Double(counts[index]) }
    }
    let gradients = parameters.enumerated().map { index, parameter in
      index < sum.gradients.count ? sum.gradients[index] : .zeros(parameter.shape, parameter.scalarType)
    }
    let names = network.parameterNames
    return Outcome(
      gradients: zip(names, gradients).map { frozen.contains($0) ? .zeros($1.shape, $1.scalarType) : $1 },
      factorGradients: Array(gradients.dropFirst(names.count)),
      values: values, valuesByImage: all,
      total: zip(values, objectives).reduce(0) { $0 + ($1.0 ?? 0) * $1.1.weight },
      statistics: try sum.statistics?.meanStatistics(
        over: communicator, share: Double(own.count) / Double(batch.labels.count)))
  }

  /// The objectives by the images that they look at, those of the batch first: for each composition which objectives share it.
  var compositions: [(composition: (any ImageComposition)?, included: [Bool])] {
    let keys = needs.map { $0.composition.map { AnyHashable($0) } }
    var seen: [AnyHashable?] = [nil]
    for key in keys where !seen.contains(key) { seen.append(key) }
    return seen.map { key in
      (keys.firstIndex(of: key).flatMap { needs[$0].composition }, keys.map { $0 == key })
    }
  }

  /// What the included objectives contribute on some images of a batch: those that need all of these images at once, and
  /// those that do not.
  ///
  /// - Parameters:
  ///   - network: the network that the step starts from.
  ///   - batch: the images of all processes.
  ///   - own: the range of this process's images.
  ///   - included: for each objective whether it takes part.
  ///   - workers: the number of threads.
  /// - Returns: contributions to be added in order, of which every process has as many.
  /// - Throws: errors of the threads that compute images.
  private func contributions(
    _ network: Network, _ batch: Batch, _ own: Range<Int>, _ included: [Bool], workers: Int
  ) throws -> [Contribution] {
    let parameters = network.parameters + network.rateFactors
    let count = batch.labels.count
    var all: [Contribution] = []
    // Objectives that need the whole batch at once. In image scope each image has its own copy of the parameters, also
    // within a batch.
    let coupled = needs.map { $0.couplesImages || ($0.normalizesAsTraining && normalization == .batch) }
    let apart = needs.map { inner?.scope == .image && $0.usesVirtualWeights }
    for hasOwnParameters in [false, true] {
      let whole = objectives.indices.map { included[$0] && coupled[$0] && apart[$0] == hasOwnParameters }
      guard isOn(whole) else { continue }
      // Micro-batches follow each other, so that each updates the statistics that the one before it left.
      var (sum, network) = (Contribution(), network)
      for images in evenParts(of: own.count, atMost: microBatch ?? own.count).map({ $0.shifted(by: own.lowerBound) }) {
        sum.add(
          try Parallel.withKernelThreads(workers) {
            try
              (hasOwnParameters
              ? UpdateGroup(self, whole, network, batch, apart: images)
              : UpdateGroup(self, whole, network, batch, sharing: [images])).contribution()
          }, parameters)
        network = sum.statistics?.recomputing(recomputes) ?? network
      }
      all.append(sum)
    }
    let separate = zip(included, coupled).map { $0 && !$1 }
    guard isOn(separate) else { return all }
    let scope = isOn(zip(included, needs).map { $0 && $1.usesVirtualWeights }) ? inner?.scope : nil
    if scope == .batch {
      var sum = Contribution()
      for images in evenParts(of: own.count, atMost: microBatch ?? own.count) {
        let parts = evenParts(of: images.count, atMost: Self.imagesPerPart).map {
          $0.shifted(by: images.lowerBound + own.lowerBound)
        }
        sum.add(
          try Parallel.withKernelThreads(workers) {
            try UpdateGroup(self, separate, network, batch, sharing: parts).contribution()
          }, parameters)
      }
      return all + [sum]
    }
    let most = scope == .image ? partApart(batch.images.shape, workers: workers) : Self.imagesPerPart
    let parts = Segments.parts(
      own, of: count, segments: Segments.number(of: count, atLeast: Self.imagesPerPart), atMost: most)
    let size = parameters.reduce(0) { $0 + $1.count * $1.scalarType.size }
    let limit = scope == .image ? max(1, imagesAtOnce(parameterBytes: size) / most) : .max
    var (sum, index) = (SegmentedSum<Contribution>(), 0)
    try Parallel.forEachInOrder(parts.count, workers: workers, atOnce: limit) {
      let images = parts[$0].images
      return
        try
        (scope == .image
        ? UpdateGroup(self, separate, network, batch, apart: images)
        : UpdateGroup(self, separate, network, batch, sharing: [images])).contribution()
    } _: {
      var part = Contribution()
      part.add($0, parameters)
      sum.add(part, segment: parts[index].segment)
      index += 1
    }
    return all + [sum.total() ?? Contribution()]
  }

  /// The data of one step.
  public struct Batch: Sendable {
    /// The images, [N, H, W, 3], normalized.
    public let images: Tensor
    /// The labels, N classes.
    public let labels: [Int]
    /// The soft targets, [N, classes].
    public let targets: Tensor
    /// A random number per image.
    public let draws: [UInt64]
    /// The objects of known classes in each image; none where they are not known.
    public let objects: [[Object]]

    /// Creates the data of a step; without objects unless they are given.
    public init(images: Tensor, labels: [Int], targets: Tensor, draws: [UInt64], objects: [[Object]]? = nil) {
      (self.images, self.labels, self.targets, self.draws) = (images, labels, targets, draws)
      self.objects = objects ?? labels.map { _ in [] }
    }
  }

  /// The requirements of each objective.
  var needs: [ObjectiveNeeds] { objectives.map { $0.objective.needs(maps(of: $0)) } }

  /// The method and the layers of a term's maps.
  public func maps(of term: WeightedObjective) -> MapSettings {
    MapSettings(term.method ?? method, at: term.layers ?? layers)
  }

  /// The layers of the maps of all terms.
  public var allLayers: [String] {
    objectives.flatMap { maps(of: $0).layers }.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// This step with a term's own method and layers as its own.
  public func focused(on term: WeightedObjective) -> MetaStep {
    var step = self
    (step.method, step.layers) = (term.method ?? method, term.layers ?? layers)
    return step
  }

  /// This step with the objectives' weights at a step of a run, as their schedules have them.
  ///
  /// - Parameters:
  ///   - number: the number of the step, from 0.
  ///   - total: the number of steps of the run.
  /// - Returns: the step, whose objectives have fixed weights.
  public func at(step number: Int, of total: Int) -> MetaStep {
    var step = self
    for (index, term) in objectives.enumerated() {
      guard let schedule = term.schedule else { continue }
      step.objectives[index].weight = schedule.rate(term.weight, step: number, of: total)
    }
    return step
  }

  /// Whether any of the included objectives has a weight other than 0.
  func isOn(_ included: [Bool]) -> Bool { zip(included, objectives).contains { $0 && $1.weight != 0 } }

  /// Whether any objective with a weight other than 0 uses the objects of the batch's images.
  public var usesObjects: Bool { isOn(needs.map(\.usesObjects)) }

  /// Whether any objective with a weight other than 0 uses virtual weights.
  public var needsUpdate: Bool { isOn(needs.map(\.usesVirtualWeights)) }

  /// Whether any objective with a weight other than 0 compares with the network that the run starts from.
  public var usesReference: Bool { isOn(needs.map(\.usesReference)) }

  /// Images that do not have their own update are computed a few together. The gradient of the parameters, which can be
  /// larger than everything else, is then written once for all of them.
  static let imagesPerPart = 4

  /// How many small images that have their own update are computed together, because a single one does not keep a
  /// processor busy. There remain at least two parts per worker.
  func partApart(_ shape: [Int], workers: Int) -> Int {
    let small = Self.pixelsTogether / max(1, shape[1] * shape[2])
    return max(1, min(small, shape[0] / (2 * max(1, workers))))
  }

  private static let pixelsTogether = 1 << 12

  /// How many images with their own updates may be computed at the same time. Each needs memory of about eight times
  /// the parameters besides its activations; a sixteenth of the machine's memory may be used for that.
  func imagesAtOnce(parameterBytes size: Int) -> Int {
    max(1, Int(clamping: ProcessInfo.processInfo.physicalMemory) / 16 / max(1, 8 * size))
  }
}

extension Range<Int> {
  fileprivate func shifted(by offset: Int) -> Range<Int> { (lowerBound + offset)..<(upperBound + offset) }
}
