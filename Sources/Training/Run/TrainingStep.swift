import Datasets
import Learning
import Networks
import Tensors

/// The state of training that changes with each update of the parameters.
public struct TrainingState: Sendable {
  /// The current network.
  public var network: Network
  /// The state of the optimizer, such as its moments.
  public var optimizer: OptimizerState
  /// The number of updates made.
  public var step: Int
  /// The source of random numbers for contrast classes. The order of images and augmentations depend only on the seed
  /// and the step.
  public var random: RandomSource

  /// A state, by default at the beginning of training.
  public init(network: Network, optimizer: OptimizerState = .init(), step: Int = 0, random: RandomSource) {
    (self.network, self.optimizer, self.step, self.random) = (network, optimizer, step, random)
  }
}

/// One update of the parameters, as a pure function of the previous state and a batch: it computes the outer gradient,
/// sums it over the processes that train together, clips it, and passes it to the optimizer. It reads and writes no
/// files.
public struct TrainingStep: Sendable {
  /// The outer gradient.
  public var outer: MetaStep
  /// The optimizer.
  public var optimizer: any Optimizer
  /// The peak learning rate, its schedule, and the total number of steps.
  public var (rate, schedule, steps): (Double, any Schedule, Int)
  /// Parameters with a learning rate of their own.
  public var groups: [ParameterGroup]
  /// The norm to which gradients are clipped; nil for no clipping.
  public var clipNorm: Double?
  /// The number of threads.
  public var workers: Int
  /// The processes that train together.
  public var communicator: any Communicator

  /// An update, by default in a single process.
  public init(
    _ outer: MetaStep, optimizer: any Optimizer, rate: Double, schedule: any Schedule = ConstantSchedule(),
    steps: Int, groups: [ParameterGroup] = [], clipNorm: Double? = nil, workers: Int = Parallel.processors,
    communicator: any Communicator = SingleProcess()
  ) {
    (self.outer, self.optimizer, self.rate, self.schedule, self.steps) = (outer, optimizer, rate, schedule, steps)
    (self.groups, self.clipNorm, self.workers, self.communicator) = (groups, clipNorm, workers, communicator)
  }

  /// The logged values of an update.
  public struct Record: Sendable {
    /// The number of the update, from 1.
    public let step: Int
    /// The outer loss.
    public let loss: Double
    /// The objectives' values by their names, which are numbered where one occurs more than once; nil where the weight is 0.
    public let objectives: [(name: String, value: Double?)]
    /// The L2 norm of the gradient before it is clipped.
    public let gradientNorm: Double
    /// The learning rate.
    public let rate: Double
  }

  /// The error of an update in which a value became infinite or NaN.
  public struct Divergence: Error {
    /// The name of the value.
    public let what: String
  }

  /// The state after one more update.
  ///
  /// - Parameters:
  ///   - state: the state before it.
  ///   - batch: this process's part of the batch.
  /// - Returns: the new state, and the logged values of the update.
  /// - Throws: ``Divergence``, or what the communicator throws.
  public func callAsFunction(_ state: TrainingState, _ batch: Batch) throws -> (state: TrainingState, record: Record) {
    var next = state
    let count = batch.labels.count
    let share = try share(of: count, &next.random)
    let outcome = try outer.at(step: state.step, of: steps)(
      state.network, batch.images, labels: batch.labels,
      targets: .softTargets(of: batch.targets, classes: state.network.classes, batch.images.scalarType),
      objects: batch.objects(for: outer), workers: workers, random: &next.random)
    try skip(after: count, &next.random)
    let sum = try summed(outcome, share)
    for (name, value) in zip(objectiveNames, sum.values) {
      if let value, !value.isFinite { throw Divergence(what: "the objective \(name)") }
    }
    let (gradients, norm) = clipped(sum.gradients, toNorm: clipNorm)
    guard norm.isFinite else { throw Divergence(what: "the gradient") }
    let rate = schedule.rate(rate, step: state.step, of: steps)
    let parameters = Profile.phase(.optimizer) {
      optimizer.update(
        state.network.parameters, gradients,
        rates: ParameterGroup.rates(rate, of: state.network.parameterNames, in: groups), state: &next.optimizer)
    }
    guard parameters.allSatisfy(\.isFinite) else { throw Divergence(what: "a parameter") }
    next.network = (sum.statistics ?? state.network).with(parameters: parameters)
    next.step += 1
    let record = Record(
      step: next.step, loss: sum.total, objectives: zip(objectiveNames, sum.values).map { ($0, $1) },
      gradientNorm: norm,
      rate: rate)
    return (next, record)
  }

  /// The objectives' names, numbered where one occurs more than once.
  var objectiveNames: [String] {
    let names = outer.objectives.map(\.objective.name)
    return names.enumerated().map { index, name in
      names.filter { $0 == name }.count > 1 ? "\(name)_\(index)" : name
    }
  }
}

// MARK: - Several processes

extension TrainingStep {
  /// The share of `count` images in the whole batch. Also skips the random numbers for images of earlier processes, so
  /// that each image gets the number that it would get in a single process.
  private func share(of count: Int, _ random: inout RandomSource) throws -> Double {
    guard communicator.size > 1 else { return 1 }
    let counts = try self.counts(count)
    for _ in 0..<counts.prefix(communicator.rank).reduce(0, +) { _ = random.next() }
    return Double(count) / Double(counts.reduce(0, +))
  }

  /// Skips the random numbers for images of later processes.
  private func skip(after count: Int, _ random: inout RandomSource) throws {
    guard communicator.size > 1 else { return }
    for _ in 0..<(try counts(count)).dropFirst(communicator.rank + 1).reduce(0, +) { _ = random.next() }
  }

  /// The number of images of each process.
  private func counts(_ count: Int) throws -> [Int] {
    var counts = [Double](repeating: 0, count: communicator.size)
    counts[communicator.rank] = Double(count)
    return try communicator.allReduce(counts).map { Int($0) }
  }

  /// Combines the outcomes of all processes: the mean, weighted by each process's share of the batch.
  private func summed(_ own: MetaStep.Outcome, _ share: Double) throws -> MetaStep.Outcome {
    guard communicator.size > 1 else { return own }
    var all = own
    all.gradients = try communicator.allReduce(own.gradients.map { $0 * share })
    let values = try communicator.allReduce(own.values.map { ($0 ?? 0) * share } + [own.total * share])
    all.values = zip(own.values, values).map { $0 == nil ? nil : $1 }
    all.total = values[values.count - 1]
    if let statistics = own.statistics {
      var means = try communicator.allReduce(
        statistics.state.filter { $0.kind == .statistic }.map { $0.value * share })[...]
      var network = statistics
      network.visit { _, kind, tensor in
        guard kind == .statistic, let mean = means.popFirst() else { return }
        tensor = mean
      }
      all.statistics = network
    }
    return all
  }
}
