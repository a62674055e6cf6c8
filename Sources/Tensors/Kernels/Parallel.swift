import COpenBLAS
import Foundation
import Synchronization

/// Functions that distribute independent work items over threads.
public enum Parallel {
  /// The number of processors that this process may use.
  public static let processors = ProcessInfo.processInfo.activeProcessorCount

  /// The matrix library, with its version and the processor it was made for.
  public static let blas = String(cString: openblas_get_config())

  /// Computes `transform(0)`, …, `transform(count - 1)` on up to `workers` threads and passes each result to `body` in
  /// order, as soon as the results before it are done. Sums in `body` therefore do not depend on the number of workers,
  /// and only a few results exist at a time. If there are fewer items than workers, the items' kernels share the
  /// remaining threads.
  ///
  /// - Parameters:
  ///   - count: the number of items.
  ///   - workers: the number of threads that compute items.
  ///   - limit: the largest number of items that are computed at the same time, if each takes much memory.
  ///   - transform: computes an item from its index, on any thread.
  ///   - body: receives each result in order, on any of the threads; only one call runs at a time.
  /// - Throws: the error of the first item, in order, that fails; later items are not started.
  public static func forEachInOrder<Result: Sendable>(
    _ count: Int, workers: Int = processors, atOnce limit: Int = .max, _ transform: @Sendable (Int) throws -> Result,
    _ body: (Result) -> Void
  ) throws {
    let workers = max(1, workers)
    let threads = max(1, min(workers, count, limit))
    if count <= 1 {
      return try (0..<count).forEach { index in body(try withKernelThreads(workers) { try transform(index) }) }
    }
    let next = Atomic(0)
    let failed = Atomic(false)
    // `body` runs under the mutex only, one call at a time, before this function returns.
    nonisolated(unsafe) let body = body
    let pending = Mutex((results: [Int: Swift.Result<Result, any Error>](), due: 0, error: (any Error)?.none))
    Crew.shared.together(threads) {
      withKernelThreads(workers / threads) {
        while !failed.load(ordering: .relaxed) {
          let index = next.add(1, ordering: .relaxed).oldValue
          guard index < count else { return }
          let result = Swift.Result { try transform(index) }
          pending.withLock { pending in
            pending.results[index] = result
            while pending.error == nil, let due = pending.results.removeValue(forKey: pending.due) {
              pending.due += 1
              do { body(try due.get()) } catch {
                pending.error = error
                failed.store(true, ordering: .relaxed)
              }
            }
          }
        }
      }
    }
    if let error = pending.withLock({ $0.error }) { throw error }
  }

  /// Computes `transform(0)`, …, `transform(count - 1)` by `forEachInOrder(_:workers:_:_:)` and returns the results
  /// in order.
  public static func map<Result: Sendable>(
    _ count: Int, workers: Int = processors, _ transform: @Sendable (Int) throws -> Result
  ) throws -> [Result] {
    var results: [Result] = []
    try forEachInOrder(count, workers: workers, transform) { results.append($0) }
    return results
  }

  /// The number of threads among which a kernel may divide its work.
  @TaskLocal public static var kernelThreads = processors

  /// Runs `body` with kernels that divide their work among up to `count` threads.
  public static func withKernelThreads<Result>(_ count: Int, _ body: () throws -> Result) rethrows -> Result {
    try $kernelThreads.withValue(count) { try body() }
  }

  /// Divides `0..<count` into parts that `threads` threads work on. There are more parts than threads, so that no
  /// thread waits long for another one that the system has interrupted.
  static func split(_ count: Int, threads: Int, _ body: (Range<Int>) -> Void) {
    guard threads > 1 else { return body(0..<count) }
    let parts = min(count, threads * 4)
    let next = Atomic(0)
    // All parts have returned before this function does.
    nonisolated(unsafe) let body = body
    Crew.shared.together(threads) {
      while true {
        let part = next.add(1, ordering: .relaxed).oldValue
        guard part < parts else { return }
        body((part * count / parts)..<((part + 1) * count / parts))
      }
    }
  }
}

/// Cuts `0..<count` into the smallest number of parts of at most `limit`, with sizes as equal as possible.
public func evenParts(of count: Int, atMost limit: Int) -> [Range<Int>] {
  let parts = (count + limit - 1) / limit
  return (0..<parts).map { ($0 * count / parts)..<(($0 + 1) * count / parts) }
}

extension Range<Int> {
  /// Cuts the range at multiples of `size`. Each part has its number and its range, counted from the beginning of the
  /// part.
  func grouped(by size: Int) -> [(number: Int, part: Range<Int>)] {
    guard !isEmpty else { return [] }
    return (lowerBound / size...(upperBound - 1) / size).map { number in
      let part = clamped(to: (number * size)..<((number + 1) * size))
      return (number, (part.lowerBound - number * size)..<(part.upperBound - number * size))
    }
  }
}
