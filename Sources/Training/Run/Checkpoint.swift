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
  /// The lowest score of an evaluation so far; see ``Setup/score(_:)``.
  public var best: Double?
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

  /// Writes the checkpoint as HDF5: weights under `model/` with PyTorch's names and shapes, the optimizer's state under
  /// `optimizer/` in the same form, and everything else under `run/`. If weights are averaged, those under `model/` are
  /// the average, so that every reader of the file gets the network that was evaluated, and training goes on with
  /// those under `training/`.
  public func write(to path: String) throws {
    var contents = HDF5Contents()
    func add(_ network: Network, _ group: String) {
      for (name, value) in network.stateDictionary { contents.add(group + name, .tensor(value)) }
    }
    add(result, WeightFile.weightGroup)
    if let average = self.average, average.count > 0 {
      add(self.network, Self.trainingGroup)
      contents.add("run/averaged", .integers([Int64(average.count)]))
    }
    if !self.scores.isEmpty { contents.add("run/scores", .tensor(Tensor(self.scores))) }
    let parameters = self.network.state.filter(\.kind.isParameter)
    for (slot, tensors) in self.optimizer.slots.sorted(by: { $0.key < $1.key }) {
      for (entry, tensor) in zip(parameters, tensors) {
        let value = entry.kind.inFiles(tensor)
        contents.add("optimizer/\(slot)/\(entry.name)", .tensor(value))
      }
    }
    contents.add("run/step", .integers([Int64(self.step)]))
    contents.add("run/optimizer_updates", .integers([Int64(self.optimizer.updates)]))
    contents.add("run/random_state", .integers([Int64(bitPattern: self.random.state)]))
    if let best { contents.add("run/best", .tensor(Tensor([best]))) }
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
    func network(_ group: String) throws -> Network {
      do {
        let weights = contents.tensors(below: group).entries
        return try architecture.network(classes: classes, seed: nil).converted(to: weights.scalarType).loading(weights)
      } catch let mismatch as StateMismatch { throw malformed("\(mismatch)") }
    }
    let result = try network(WeightFile.weightGroup)
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
    let network = averaged > 0 ? try network(Self.trainingGroup) : result
    let random = RandomSource(state: UInt64(bitPattern: try integer("run/random_state")))
    best = contents.tensor("run/best")?.doubles.first
    recipe = contents.attributes["recipe"] ?? ""
    var optimizer = OptimizerState()
    optimizer.rule = contents.attributes["optimizer"]
    optimizer.updates = try count("run/optimizer_updates")
    let parameters = network.state.filter(\.kind.isParameter)
    let memory = contents.dataSets.filter { $0.path.hasPrefix("optimizer/") }.map(\.path)
    for slot in Set(memory.compactMap { $0.split(separator: "/").dropFirst().first.map(String.init) }) {
      optimizer.slots[slot] = try parameters.map { entry in
        let path = "optimizer/\(slot)/\(entry.name)"
        guard let stored = contents.tensor(path) else { throw malformed("no data set '\(path)'") }
        let value = entry.kind.fromFiles(stored)
        guard value.shape == entry.value.shape, value.scalarType == entry.value.scalarType else {
          throw malformed(
            "data set '\(path)' is \(stored.scalarType) \(stored.shape), which does not fit the parameter")
        }
        return value
      }
    }
    state = TrainingState(
      network: network, optimizer: optimizer, step: step, random: random,
      average: averaged > 0 ? AveragedNetwork(result, count: averaged) : nil,
      scores: contents.tensor("run/scores")?.doubles ?? [])
  }

  /// Converts the checkpoint to another precision, which is needed if the recipe's precision has changed since.
  func converted(to type: ScalarType) -> Checkpoint {
    guard type != self.network.scalarType else { return self }
    var copy = self
    copy.network = self.network.converted(to: type)
    copy.average = self.average?.converted(to: type)
    copy.optimizer.slots = self.optimizer.slots.mapValues { $0.map { $0.converted(to: type) } }
    return copy
  }

  /// The source of random numbers that draws contrast classes, in its state at the beginning of a run.
  static func contrastClasses(_ recipe: Recipe) -> RandomSource {
    RandomSource(seed: UInt64(recipe.run.seed), purpose: "opponents")
  }

  init(
    network: Network, optimizer: OptimizerState = .init(), step: Int = 0, random: RandomSource, best: Double? = nil,
    recipe: String
  ) {
    state = TrainingState(network: network, optimizer: optimizer, step: step, random: random)
    (self.best, self.recipe) = (best, recipe)
  }
}
