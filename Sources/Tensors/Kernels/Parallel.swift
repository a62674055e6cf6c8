import Foundation
import Synchronization

/// Work spread over threads, one independent item at a time.
public enum Parallel {
  /// The processors that this process may use.
  public static let processors = ProcessInfo.processInfo.activeProcessorCount

  /// Computes `transform(0)`, …, `transform(count - 1)` on up to `workers` threads, whose kernels share the threads that
  /// are left where items are few, and hands each result to `body` in order, as soon as those before it have
  /// been. So sums do not depend on the number of workers, and only a few results exist at a time.
  ///
  /// - Parameters:
  ///   - count: how many items there are.
  ///   - workers: how many threads compute items at a time.
  ///   - limit: how many items may be under way at once, where each takes much memory.
  ///   - transform: computes the item of an index, on any thread.
  ///   - body: takes each result in order, on the calling thread.
  /// - Throws: the error of the first item, in order, that fails; later items are not begun.
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

  /// `transform(0)`, …, `transform(count - 1)` in order, computed as by
  /// `forEachInOrder(_:workers:_:_:)`.
  public static func map<Result: Sendable>(
    _ count: Int, workers: Int = processors, _ transform: @Sendable (Int) throws -> Result
  ) throws -> [Result] {
    var results: [Result] = []
    try forEachInOrder(count, workers: workers, transform) { results.append($0) }
    return results
  }

  /// Threads that a kernel may share its work among.
  @TaskLocal public static var kernelThreads = processors

  /// Runs `body` with kernels that share their work among up to `count` threads.
  public static func withKernelThreads<Result>(_ count: Int, _ body: () throws -> Result) rethrows -> Result {
    try $kernelThreads.withValue(count) { try body() }
  }

  /// `0..<count` in parts, each on one of `threads` threads. There are more parts than threads, so that none waits long for
  /// another that the system has interrupted.
  static func split(_ count: Int, threads: Int, _ body: (Range<Int>) -> Void) {
    guard threads > 1 else { return body(0..<count) }
    let parts = min(count, threads * 4)
    let next = Atomic(0)
    // Every part has returned before this function does.
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

/// `0..<count` cut into as few parts of at most `limit` as can be, as even as can be.
public func evenParts(of count: Int, atMost limit: Int) -> [Range<Int>] {
  let parts = (count + limit - 1) / limit
  return (0..<parts).map { ($0 * count / parts)..<(($0 + 1) * count / parts) }
}

extension Range<Int> {
  /// The range cut at multiples of `size`: the number of each part, and what of it the range has, counted from its begin.
  func grouped(by size: Int) -> [(number: Int, part: Range<Int>)] {
    guard !isEmpty else { return [] }
    return (lowerBound / size...(upperBound - 1) / size).map { number in
      let part = clamped(to: (number * size)..<((number + 1) * size))
      return (number, (part.lowerBound - number * size)..<(part.upperBound - number * size))
    }
  }
}
