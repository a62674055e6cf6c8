import Foundation
import Learning
import Synchronization
import Tensors
import Testing

/// A communicator between threads that stand for processes: each waits until all have contributed, and takes the sum.
final class Threads: Sendable {
  private let waiting: Mutex<(parts: [Int: [Tensor]], sums: [Tensor]?, taken: Int)> = Mutex(([:], nil, 0))
  let size: Int

  init(_ size: Int) { self.size = size }

  /// Runs `body` once for each of `size` processes.
  ///
  /// - Returns: the results of `body`, by rank.
  static func run<Result: Sendable>(
    _ size: Int, _ body: @escaping @Sendable (ThreadCommunicator) throws -> Result
  ) throws -> [Result] {
    let threads = Threads(size)
    let results = Mutex<[Int: Swift.Result<Result, any Error>]>([:])
    for rank in 0..<size {
      Thread.detachNewThread {
        let result = Swift.Result { try body(ThreadCommunicator(threads: threads, rank: rank)) }
        results.withLock { $0[rank] = result }
      }
    }
    while results.withLock({ $0.count }) < size { usleep(1000) }
    return try results.withLock { results in try (0..<size).map { try #require(results[$0]).get() } }
  }

  func sum(_ tensors: [Tensor], of rank: Int) -> [Tensor] {
    // All processes must have taken the previous sum.
    while !waiting.withLock({ $0.sums == nil && $0.parts[rank] == nil }) { usleep(50) }
    waiting.withLock { waiting in
      waiting.parts[rank] = tensors
      guard waiting.parts.count == size else { return }
      let parts = (0..<size).compactMap { waiting.parts[$0] }
      waiting.sums = Self.treeSum(parts)
    }
    while true {
      let sums = waiting.withLock { waiting -> [Tensor]? in
        guard let sums = waiting.sums, waiting.parts[rank] != nil else { return nil }
        waiting.parts[rank] = nil
        waiting.taken += 1
        if waiting.taken == size { (waiting.sums, waiting.taken) = (nil, 0) }
        return sums
      }
      if let sums { return sums }
      usleep(50)
    }
  }
}

extension Threads {
  /// The sum along a binary tree: ((0 + 1) + (2 + 3)) + …
  fileprivate static func treeSum(_ parts: [[Tensor]]) -> [Tensor] {
    guard parts.count > 1 else { return parts[0] }
    return treeSum(
      stride(from: 0, to: parts.count, by: 2).map { i in
        i + 1 < parts.count ? zip(parts[i], parts[i + 1]).map { $0 + $1 } : parts[i]
      })
  }
}

struct ThreadCommunicator: Communicator {
  let threads: Threads
  let rank: Int
  var size: Int { threads.size }
  func allReduce(_ tensors: [Tensor]) -> [Tensor] { threads.sum(tensors, of: rank) }
}
