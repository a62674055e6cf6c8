import Foundation
import Tensors

/// Makes the batches of training steps on background threads, a few steps ahead of training.
public final class Prefetcher: Sendable {
  private let shelf: Shelf
  private let source: BatchSource
  /// The number of threads that were started; the system may refuse to start any.
  private let threads: Int

  /// Starts making the batches of a range of steps.
  ///
  /// - Parameters:
  ///   - source: the source of the batches.
  ///   - steps: the steps whose batches are made, in order.
  ///   - threads: the number of threads that read and augment images; the batches do not depend on it.
  ///   - ahead: the largest number of finished batches that wait.
  ///   - start: starts a thread, and returns whether it could.
  public init(
    _ source: BatchSource, steps: Range<Int>, threads: Int = 1, ahead: Int = 4,
    start: (@escaping @Sendable () -> Void) -> Bool = Crew.startThread
  ) {
    let shelf = Shelf(steps, ahead: ahead)
    (self.shelf, self.source) = (shelf, source)
    // The threads reference only the shelf, so that the prefetcher can be released, which stops them.
    self.threads = (0..<max(1, threads)).count { _ in
      start { while let step = shelf.claim() { shelf.put(step, Result { try source.batch(step: step) }) } }
    }
  }

  deinit { shelf.stop() }

  /// The batch of the next step; nil after the last.
  ///
  /// - Throws: the error of reading the batch, which names the file.
  public func next() throws -> Batch? {
    if threads == 0, let step = shelf.claim() { shelf.put(step, Result { try source.batch(step: step) }) }
    return try shelf.take()?.get()
  }
}

/// The queue of finished batches between the threads that make them and the training loop.
private final class Shelf: @unchecked Sendable {
  private let end: Int
  private let ahead: Int
  // All properties below are accessed only under the condition's lock.
  private let condition = NSCondition()
  private var ready: [Int: Result<Batch, any Error>] = [:]
  private var nextToMake: Int
  private var nextToTake: Int
  private var isStopped = false

  init(_ steps: Range<Int>, ahead: Int) {
    (end, self.ahead) = (steps.upperBound, max(1, ahead))
    (nextToMake, nextToTake) = (steps.lowerBound, steps.lowerBound)
  }

  /// Waits until there is room, and returns the next step to make a batch for; nil when none is left.
  func claim() -> Int? {
    condition.withLock {
      while !isStopped && nextToMake < end && nextToMake >= nextToTake + ahead { condition.wait() }
      guard !isStopped, nextToMake < end else { return nil }
      defer { nextToMake += 1 }
      return nextToMake
    }
  }

  func put(_ step: Int, _ batch: Result<Batch, any Error>) {
    condition.withLock {
      ready[step] = batch
      condition.broadcast()
    }
  }

  func take() -> Result<Batch, any Error>? {
    condition.withLock {
      guard nextToTake < end else { return nil }
      while ready[nextToTake] == nil { condition.wait() }
      defer {
        nextToTake += 1
        condition.broadcast()
      }
      return ready.removeValue(forKey: nextToTake)
    }
  }

  func stop() {
    condition.withLock {
      isStopped = true
      condition.broadcast()
    }
  }
}
