import COneDNN
import Dispatch
import Foundation
import Synchronization

/// Work spread over threads, one independent item at a time.
public enum Parallel {
  /// The processors that this process may use.
  public static let processors = ProcessInfo.processInfo.activeProcessorCount

  /// `transform(0)`, …, `transform(count - 1)` in order, worked out on up to `workers` threads with single-threaded kernels
  /// in each (a single item has all the kernels' threads). The results do not depend on the number of workers. The error thrown is that of the first item that fails.
  public static func map<Result: Sendable>(
    _ count: Int, workers: Int = processors, _ transform: @Sendable (Int) throws -> Result
  ) throws -> [Result] {
    if count <= 1 { return try (0..<count).map(transform) }
    let next = Atomic(0)
    let results = Mutex([Swift.Result<Result, any Error>?](repeating: nil, count: count))
    DispatchQueue.concurrentPerform(iterations: max(1, min(workers, count))) { _ in
      withKernelThreads(1) {
        while true {
          let index = next.add(1, ordering: .relaxed).oldValue
          guard index < count else { return }
          let result = Swift.Result { try transform(index) }
          results.withLock { $0[index] = result }
        }
      }
    }
    return try results.withLock { results in try results.compactMap { try $0?.get() } }
  }

  /// Runs `body` with kernels on this thread using up to `count` threads of their own.
  public static func withKernelThreads<Result>(_ count: Int, _ body: () throws -> Result) rethrows -> Result {
    let before = omp_get_max_threads()
    omp_set_num_threads(Int32(count))
    defer { omp_set_num_threads(before) }
    return try body()
  }
}
