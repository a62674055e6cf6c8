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
  /// The average of the network's weights over updates; nil if weights are not averaged.
  public var average: AveragedNetwork?
  /// The state of the optimizer of the inner rate's learned factors, which are the network's `rateFactors`.
  public var rateOptimizer: OptimizerState
  /// The outer loss on the validation images at each evaluation so far, from the one before training.
  public var scores: [Double]

  /// A state, by default at the beginning of training.
  public init(
    network: Network, optimizer: OptimizerState = .init(), step: Int = 0, random: RandomSource,
    average: AveragedNetwork? = nil, rateOptimizer: OptimizerState = .init(), scores: [Double] = []
  ) {
    (self.network, self.optimizer, self.step, self.random) = (network, optimizer, step, random)
    (self.average, self.rateOptimizer, self.scores) = (average, rateOptimizer, scores)
  }

  /// The network to evaluate, draw and export: the average, if there is one that has begun.
  public var result: Network { average.flatMap { $0.count > 0 ? $0.network : nil } ?? network }
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
  /// The parameters that are trained, and those with settings of their own.
  public var parameters: ParameterGroups
  /// How gradients are limited; nil for no limit.
  public var clipping: (any GradientClipping)?
  /// How weights are averaged; nil for no average.
  public var averaging: (any WeightAveraging)?
  /// The number of threads.
  public var workers: Int
  /// The processes that train together.
  public var communicator: any Communicator
  /// Whether the norm of each parameter's gradient is recorded.
  public var recordsNorms = false

  /// An update, by default in a single process.
  public init(
    _ outer: MetaStep, optimizer: any Optimizer, rate: Double, schedule: any Schedule = ConstantSchedule(),
    steps: Int, parameters: ParameterGroups = ParameterGroups(), clipping: (any GradientClipping)? = nil,
    averaging: (any WeightAveraging)? = nil, workers: Int = Parallel.processors,
    communicator: any Communicator = SingleProcess()
  ) {
    (self.outer, self.optimizer, self.rate, self.schedule, self.steps) = (outer, optimizer, rate, schedule, steps)
    (self.parameters, self.clipping, self.averaging) = (parameters, clipping, averaging)
    (self.workers, self.communicator) = (workers, communicator)
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
    /// The L2 norms of each parameter's gradient before it is clipped, in the order of the network's parameters; empty
    /// unless ``TrainingStep/recordsNorms``.
    public var gradientNorms: [Double] = []
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
    let sum = try outer.at(step: state.step, of: steps)(
      state.network, batch.images, labels: batch.labels,
      targets: .softTargets(of: batch.targets, classes: state.network.classes, batch.images.scalarType),
      objects: batch.objects(for: outer), workers: workers, communicator: communicator, random: &next.random)
    for (name, value) in zip(objectiveNames, sum.values) {
      if let value, !value.isFinite { throw Divergence(what: "the objective \(name)") }
    }
    let norm = totalNorm(sum.gradients)
    guard norm.isFinite else { throw Divergence(what: "the gradient") }
    let position = RunPosition(step: state.step, of: steps, scores: state.scores)
    let rate = schedule.rate(rate, at: position)
    let moved = Profile.phase(.optimizer) {
      optimizer.update(
        state.network.parameters, clipping?.clipped(sum.gradients, of: state.network) ?? sum.gradients,
        updates: parameters.updates(of: state.network, rate: rate), state: &next.optimizer)
    }
    guard moved.allSatisfy(\.isFinite) else { throw Divergence(what: "a parameter") }
    next.network = (sum.statistics ?? state.network).with(parameters: moved)
    if let learned = outer.inner?.learnedRates {
      next.network.rateFactors = optimizer.update(
        state.network.rateFactors, sum.factorGradients,
        updates: state.network.rateFactors.map { _ in
          ParameterUpdate(rate: schedule.rate(learned.rate ?? self.rate, at: position), weightDecay: 0)
        }, state: &next.rateOptimizer)
      guard next.network.rateFactors.allSatisfy(\.isFinite) else { throw Divergence(what: "a learned rate") }
    }
    next.step += 1
    if let averaging {
      var average = state.average ?? AveragedNetwork(state.network)
      average.add(next.network, by: averaging, at: RunPosition(step: next.step, of: steps, scores: state.scores))
      next.average = average
    }
    var record = Record(
      step: next.step, loss: sum.total, objectives: zip(objectiveNames, sum.values).map { ($0, $1) },
      gradientNorm: norm, rate: rate)
    if recordsNorms { record.gradientNorms = sum.gradients.map { totalNorm([$0]) } }
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
