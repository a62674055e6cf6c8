import Foundation
import MetasalKit
import Synchronization
import Testing

@Suite("The communicator of threads") struct ThreadCommunicatorTests {
  @Test("two threads take the steps that one takes of the whole batches")
  func steps() throws {
    let setup = try HowTo.setup(["run.precision=float64", "data.mixing=[]"])
    @Sendable func train(_ communicator: any Communicator, _ shard: Shard) throws -> Network {
      var step = setup.trainingStep
      step.communicator = communicator
      step.outer.normalization = .running
      let batches = BatchSource(
        setup.train.dataset, size: setup.recipe.data.batch, normalization: setup.recipe.data.normalization,
        augmentation: setup.recipe.data.augmentation, precision: .float64, shard: shard)
      var state = TrainingState(network: setup.network, random: RandomSource(seed: 0, purpose: "contrast classes"))
      for number in 0..<3 { state = try step(state, batches.batch(step: number)).state }
      return state.network
    }

    let group = ThreadCommunicator.Group(2)
    let networks = Mutex<[Int: Result<Network, any Error>]>([:])
    let finished = DispatchGroup()
    for rank in 0..<2 {
      finished.enter()
      Thread.detachNewThread {
        let network = Result { try train(ThreadCommunicator(group: group, rank: rank), Shard(rank, of: 2)) }
        networks.withLock { $0[rank] = network }
        finished.leave()
      }
    }
    finished.wait()
    let results = networks.withLock { $0 }
    let together = try (0..<2).map { try #require(results[$0]).get() }
    let alone = try train(SingleProcess(), .whole)
    for (index, parameter) in alone.parameters.enumerated() {
      let (one, other) = (together[0].parameters[index].doubles, together[1].parameters[index].doubles)
      #expect(one == other && zip(one, parameter.doubles).allSatisfy { abs($0 - $1) < 1e-9 })
    }
  }
}
