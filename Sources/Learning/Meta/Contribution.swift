import Networks
import Tensors

extension MetaStep {
  /// The share of some images in the result of a step.
  struct Contribution: Sendable {
    /// The gradients of the total, one tensor per parameter, in order. If images have their own parameters, there is
    /// one more axis in front, over the images.
    var gradients: [Tensor] = []
    /// The value of each objective for each image of the batch; 0 for images of other contributions.
    var values: [[Double]?] = []
    var statistics: Network?
  }
}

extension MetaStep.Contribution: Summable {
  /// Adds the contribution of other images.
  mutating func add(_ other: Self) {
    Profile.phase(.outer) { gradients.add(other.gradients) }
    values.add(other.values)
    statistics = other.statistics ?? statistics
  }

  /// Adds the contribution of other images, or of other objectives for the same images. `parameters` are the network's.
  mutating func add(_ other: Self, _ parameters: [Tensor]) {
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

  /// The contribution with the gradients of all processes; the values are those of this process.
  func reduced(over communicator: any Communicator, parameters: [Tensor]) throws -> Self {
    var sum = self
    // A process without images adds −0, which leaves every number as it is, 0 and −0 too; so do terms without virtual
    // updates to the gradients of learned factors of rates.
    sum.gradients = try communicator.allReduce(
      gradients + parameters.dropFirst(gradients.count).map { Tensor(repeating: -0.0, shape: $0.shape, $0.scalarType) })
    return sum
  }
}

extension Communicator {
  /// The values of all images, of which every process has its own and zeros for the others.
  func sums(_ values: [[Double]?]) throws -> [[Double]?] {
    guard size > 1 else { return values }
    var all = try allReduce(values.flatMap { $0 ?? [] })[...]
    return values.map { own in
      guard let own else { return nil }
      defer { all = all.dropFirst(own.count) }
      return Array(all.prefix(own.count))
    }
  }
}

extension Network {
  /// The network with the means of all processes' running statistics.
  ///
  /// - Parameters:
  ///   - communicator: the processes.
  ///   - share: the share of this process's images in the batch, which weighs its statistics.
  /// - Returns: the network.
  /// - Throws: what the communicator throws.
  func meanStatistics(over communicator: any Communicator, share: Double) throws -> Network {
    guard communicator.size > 1 else { return self }
    var means = try communicator.allReduce(state.filter { $0.kind == .statistic }.map { $0.value * share })[...]
    var network = self
    network.visit { _, kind, tensor in
      guard kind == .statistic, let mean = means.popFirst() else { return }
      tensor = mean
    }
    return network
  }
}
