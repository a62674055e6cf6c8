import Foundation
import Synchronization

/// Sums over processes that are made one after the other in the background, while the next summands are computed.
///
/// Only ``Communicator`` calls of these sums may happen until ``wait()`` returns, so that their order is the same in every
/// process.
final class BackgroundSums<Value: Sendable>: Sendable {
  private let queue = DispatchQueue(label: "metasal.sums")
  private let results = Mutex<[Result<Value, any Error>]>([])

  /// Begins a sum after those before it. If one of them has failed, it is not made.
  func add(_ sum: @escaping @Sendable () throws -> Value) {
    queue.async { [self] in
      let hasFailed = results.withLock { $0.contains { if case .failure = $0 { true } else { false } } }
      guard !hasFailed else { return }
      let result = Result { try sum() }
      results.withLock { $0.append(result) }
    }
  }

  /// Waits for all sums.
  ///
  /// - Returns: the sums, in the order in which they were begun.
  /// - Throws: the error of the first that failed.
  func wait() throws -> [Value] {
    queue.sync {}
    return try results.withLock { try $0.map { try $0.get() } }
  }
}
