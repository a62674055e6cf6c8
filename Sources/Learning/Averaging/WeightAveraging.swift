import Components
import Networks
import Tensors

/// A way of averaging a network's weights over the updates of a run. The averaged network is the one that is evaluated,
/// drawn and exported; training goes on with the weights themselves.
///
/// To add one, write one file with a conforming type and register an instance:
///
///     Registries.averagings.register(LastTen())
public protocol WeightAveraging: Component {
  /// The share of the new weights in the average after an update: average ← average + share · (weights − average).
  ///
  /// - Parameters:
  ///   - count: the number of updates that the average has taken up so far; 0 for none.
  ///   - position: the number of updates made, the last one included, as the step of a run.
  /// - Returns: the share; nil if the average does not take up this update.
  func share(after count: Int, at position: RunPosition) -> Double?
}

extension Registries {
  /// The ways of averaging weights that recipes can name.
  public static let averagings = Registry<any WeightAveraging>(
    "averaging of weights", [ExponentialAverage(), EqualAverage()])
}

/// The average of a network's weights over some updates.
public struct AveragedNetwork: Sendable {
  /// The network with averaged parameters and statistics.
  public private(set) var network: Network
  /// The number of updates that the average has taken up.
  public private(set) var count: Int

  /// An average, which before the first update is the network that training starts from.
  public init(_ network: Network, count: Int = 0) { (self.network, self.count) = (network, count) }

  /// Takes up the network after an update.
  ///
  /// The statistics of batch norms are averaged like the parameters, as by PyTorch's `AveragedModel` with
  /// `use_buffers=True`.
  public mutating func add(_ next: Network, by averaging: any WeightAveraging, at position: RunPosition) {
    guard let share = averaging.share(after: count, at: position) else { return }
    count += 1
    guard share < 1 else { return network = next }
    var values = next.state.map(\.value)[...]
    network.visit { _, _, average in
      guard let value = values.popFirst() else { return }
      average = average + (value - average) * share
    }
    network.rateFactors = zip(network.rateFactors, next.rateFactors).map { $0 + ($1 - $0) * share }
  }

  /// The same average in another precision.
  public func converted(to type: ScalarType) -> AveragedNetwork {
    AveragedNetwork(network.converted(to: type), count: count)
  }
}
