import Foundation
import MetasalKit

/// Threads of one process that train together: each hands in its tensors, waits for the others' and takes the sum.
struct ThreadCommunicator: Communicator {
  /// Where the threads meet.
  final class Group: @unchecked Sendable {
    let size: Int
    private let condition = NSCondition()
    private var parts: [Int: [Tensor]] = [:]
    private var sums: [Tensor] = []
    private var waiting = 0

    init(_ size: Int) { self.size = size }

    func sum(_ tensors: [Tensor], of rank: Int) -> [Tensor] {
      condition.lock()
      defer { condition.unlock() }
      // Nobody hands in a second time before all have taken the sum of the first.
      while waiting > 0 && parts.isEmpty { condition.wait() }
      parts[rank] = tensors
      waiting += 1
      if parts.count == size {
        // In the order of ranks, so that the sums are the same bits in every run.
        let all = parts.sorted { $0.key < $1.key }.map(\.value)
        sums = all.dropFirst().reduce(all[0]) { zip($0, $1).map { $0 + $1 } }
        parts = [:]
      } else {
        while parts[rank] != nil { condition.wait() }
      }
      let result = sums
      waiting -= 1
      condition.broadcast()
      return result
    }
  }

  let group: Group
  let rank: Int
  var size: Int { group.size }

  func allReduce(_ tensors: [Tensor]) -> [Tensor] { group.sum(tensors, of: rank) }
}
