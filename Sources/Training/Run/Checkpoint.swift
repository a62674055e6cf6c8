import Components
import Formats
import Learning
import Networks
import Recipes
import Tensors

/// The complete state of a run after a step, from which the run continues as if it had never stopped.
@dynamicMemberLookup
public struct Checkpoint: Sendable {
  /// The state that changes with every step.
  public var state: TrainingState
  /// The best networks of the run so far.
  public var ranking: Ranking
  /// The resolved recipe.
  public var recipe: String

  private static let version = "1"

  /// Gives direct access to the parts of the state: `checkpoint.network` is `checkpoint.state.network`.
  public subscript<Value>(dynamicMember path: WritableKeyPath<TrainingState, Value>) -> Value {
    get { state[keyPath: path] }
    set { state[keyPath: path] = newValue }
  }

  /// The network to evaluate, draw and export; see ``TrainingState/result``.
  public var result: Network { state.result }

  /// The group of the weights that training goes on with, if those under `model/` are an average.
  private static let trainingGroup = "training/"
  /// The groups of the learned factors of the inner rate, of both networks.
  private static let (factorGroup, trainingFactorGroup) = ("rate_factors/", "training_rate_factors/")

  /// Writes the checkpoint as HDF5: weights under `model/` with PyTorch's names and shapes, the optimizer's state under
  /// `optimizer/` in the same form, learned factors of the inner rate and their optimizer's state under `rate_factors/` and
  /// `rate_optimizer/`, and everything else under `run/`. If weights are averaged, those under `model/` are
  /// the average, so that every reader of the file gets the network that was evaluated, and training goes on with
  /// those under `training/`.
  public func write(to path: String) throws {
    var contents = HDF5Contents()
    let parameters = self.network.state.filter(\.kind.isParameter)
    func add(_ network: Network, _ group: String, factors: String) {
      for (name, value) in network.stateDictionary { contents.add(group + name, .tensor(value)) }
      for (entry, factor) in zip(parameters, network.rateFactors) {
        // A factor of a whole tensor has no layout.
        let isWhole = factor.shape == [1]
        contents.add(factors + entry.name, .tensor(isWhole ? factor : entry.kind.inFiles(factor)))
      }
    }
    func add(_ memory: OptimizerState, _ group: String) {
      for (slot, tensors) in memory.slots.sorted(by: { $0.key < $1.key }) {
        for (entry, tensor) in zip(parameters, tensors) {
          let value = tensor.shape == [1] ? tensor : entry.kind.inFiles(tensor)
          contents.add("\(group)/\(slot)/\(entry.name)", .tensor(value))
        }
      }
      contents.add("run/\(group)_updates", .integers([Int64(memory.updates)]))
    }
    add(result, WeightFile.weightGroup, factors: Self.factorGroup)
    if let average = self.average, average.count > 0 {
      add(self.network, Self.trainingGroup, factors: Self.trainingFactorGroup)
      contents.add("run/averaged", .integers([Int64(average.count)]))
    }
    if !self.scores.isEmpty { contents.add("run/scores", .tensor(Tensor(self.scores))) }
    contents.add("run/step", .integers([Int64(self.step)]))
    add(self.optimizer, "optimizer")
    if !self.network.rateFactors.isEmpty { add(self.rateOptimizer, "rate_optimizer") }
    contents.add("run/random_state", .integers([Int64(bitPattern: self.random.state)]))
    if !ranking.entries.isEmpty {
      contents.add("run/best", .tensor(Tensor(ranking.entries.map(\.score))))
      contents.add("run/best_steps", .integers(ranking.entries.map { Int64($0.step) }))
    }
    contents.attributes = [
      "metasal_checkpoint": Self.version, "architecture": self.network.architecture.label,
      "classes": String(self.network.classes),
      "recipe": recipe,
    ]
    contents.attributes["optimizer"] = self.optimizer.rule
    try HDF5File.write(contents, to: path)
  }

  /// Reads a checkpoint.
  ///
  /// - Throws: a `FileError` if the file is not a checkpoint or is incomplete.
  public init(contentsOf path: String) throws {
    let contents = try HDF5File.read(path)
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, message) }
    guard contents.attributes["metasal_checkpoint"] == Self.version else {
      throw malformed("no checkpoint of metasal (version \(Self.version))")
    }
    guard let classes = contents.attributes["classes"].flatMap({ Int($0) }),
      (1...Architecture.mostClasses).contains(classes)
    else {
      throw malformed(
        "'\(contents.attributes["classes"] ?? "")' classes, expected from 1 to \(Architecture.mostClasses)")
    }
    let label = contents.attributes["architecture"] ?? ""
    guard let architecture = Architecture(label) else {
      throw malformed(
        "an unknown architecture '\(label)'; a program that has a network of its own registers it before it reads a checkpoint of "
          + "it, and these are registered here: \(Registries.architectures.names.joined(separator: ", "))")
    }
    /// The tensors of a group, one for each parameter. With `allowsWhole` each may also be of shape [1].
    func tensors(_ group: String, of network: Network, allowsWhole: Bool) throws -> [Tensor] {
      try network.state.filter(\.kind.isParameter).map { entry in
        let path = group + entry.name
        guard let stored = contents.tensor(path) else { throw malformed("no data set '\(path)'") }
        let value = allowsWhole && stored.shape == [1] ? stored : entry.kind.fromFiles(stored)
        guard value.shape == entry.value.shape || (allowsWhole && value.shape == [1]),
          value.scalarType == entry.value.scalarType
        else {
          throw malformed(
            "data set '\(path)' is \(stored.scalarType) \(stored.shape), which does not fit the parameter")
        }
        return value
      }
    }
    func network(_ group: String, factors: String) throws -> Network {
      do {
        let weights = contents.tensors(below: group).entries
        var network = try architecture.network(classes: classes, seed: nil).converted(to: weights.scalarType)
          .loading(weights)
        if contents.dataSets.contains(where: { $0.path.hasPrefix(factors) }) {
          network.rateFactors = try tensors(factors, of: network, allowsWhole: true)
        }
        return network
      } catch let mismatch as StateMismatch { throw malformed("\(mismatch)") }
    }
    let result = try network(WeightFile.weightGroup, factors: Self.factorGroup)
    func integer(_ name: String) throws -> Int64 {
      guard let value = contents.integers(name)?.first else { throw malformed("no data set '\(name)'") }
      return value
    }
    func count(_ name: String) throws -> Int {
      let value = try integer(name)
      guard (0...Int64(Int32.max)).contains(value) else { throw malformed("'\(name)' is \(value), which is no count") }
      return Int(value)
    }
    let step = try count("run/step")
    let averaged = contents.integers("run/averaged") == nil ? 0 : try count("run/averaged")
    let network =
      averaged > 0 ? try network(Self.trainingGroup, factors: Self.trainingFactorGroup) : result
    let random = RandomSource(state: UInt64(bitPattern: try integer("run/random_state")))
    // Checkpoints of earlier versions have the best score without its step.
    let scores = contents.tensor("run/best")?.doubles ?? []
    let steps = contents.integers("run/best_steps")?.map { Int(clamping: $0) } ?? scores.map { _ in step }
    ranking = Ranking(zip(steps, scores).map { Ranking.Entry(step: $0, score: $1) })
    recipe = contents.attributes["recipe"] ?? ""
    func memory(_ group: String, allowsWhole: Bool) throws -> OptimizerState {
      var memory = OptimizerState()
      memory.rule = contents.attributes["optimizer"]
      memory.updates = try count("run/\(group)_updates")
      let paths = contents.dataSets.filter { $0.path.hasPrefix(group + "/") }.map(\.path)
      for slot in Set(paths.compactMap { $0.split(separator: "/").dropFirst().first.map(String.init) }) {
        memory.slots[slot] = try tensors("\(group)/\(slot)/", of: network, allowsWhole: allowsWhole)
      }
      return memory
    }
    state = TrainingState(
      network: network, optimizer: try memory("optimizer", allowsWhole: false), step: step, random: random,
      average: averaged > 0 ? AveragedNetwork(result, count: averaged) : nil,
      rateOptimizer: network.rateFactors.isEmpty ? .init() : try memory("rate_optimizer", allowsWhole: true),
      scores: contents.tensor("run/scores")?.doubles ?? [])
  }

  /// Converts the checkpoint to another precision, which is needed if the recipe's precision has changed since.
  func converted(to type: ScalarType) -> Checkpoint {
    guard type != self.network.scalarType else { return self }
    var copy = self
    copy.network = self.network.converted(to: type)
    copy.average = self.average?.converted(to: type)
    for memory in [\Checkpoint.state.optimizer, \Checkpoint.state.rateOptimizer] {
      copy[keyPath: memory].slots = copy[keyPath: memory].slots.mapValues { $0.map { $0.converted(to: type) } }
    }
    return copy
  }

  /// The source of random numbers that draws contrast classes, in its state at the beginning of a run.
  static func contrastClasses(_ recipe: Recipe) -> RandomSource {
    RandomSource(seed: UInt64(recipe.run.seed), purpose: "opponents")
  }

  init(
    network: Network, optimizer: OptimizerState = .init(), step: Int = 0, random: RandomSource,
    ranking: Ranking = Ranking(), recipe: String
  ) {
    state = TrainingState(network: network, optimizer: optimizer, step: step, random: random)
    (self.ranking, self.recipe) = (ranking, recipe)
  }
}
