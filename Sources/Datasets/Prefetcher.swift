import Foundation
import Tensors

/// Makes the batches of training steps on threads of its own, a few ahead of the step that asks.
public final class Prefetcher: Sendable {
  private let shelf: Shelf
  private let source: BatchSource
  /// Threads that there are; the system may refuse to make any.
  private let threads: Int

  /// - Parameters:
  ///   - source: makes the batches.
  ///   - steps: the steps whose batches are wanted, in order.
  ///   - threads: threads that read and augment; the batches do not depend on how many.
  ///   - ahead: batches that may wait.
  ///   - start: starts a thread, and says whether there is one.
  public init(
    _ source: BatchSource, steps: Range<Int>, threads: Int = 1, ahead: Int = 4,
    start: (@escaping @Sendable () -> Void) -> Bool = Crew.startThread
  ) {
    let shelf = Shelf(steps, ahead: ahead)
    (self.shelf, self.source) = (shelf, source)
    // The threads know the shelf only, so that a loader that nobody wants any more can go, and end them.
    self.threads = (0..<max(1, threads)).count { _ in
      start { while let step = shelf.claim() { shelf.put(step, Result { try source.batch(step: step) }) } }
    }
  }

  deinit { shelf.stop() }

  /// The next step's batch, or nil after the last.
  ///
  /// - Throws: what reading it threw, naming the file.
  public func next() throws -> Batch? {
    if threads == 0, let step = shelf.claim() { shelf.put(step, Result { try source.batch(step: step) }) }
    return try shelf.take()?.get()
  }
}

/// Batches between those who make them and the one who takes them.
private final class Shelf: @unchecked Sendable {
  private let end: Int
  private let ahead: Int
  // All below is read and written under the condition's lock.
  private let condition = NSCondition()
  private var ready: [Int: Result<Batch, any Error>] = [:]
  private var nextToMake: Int
  private var nextToTake: Int
  private var isStopped = false

  init(_ steps: Range<Int>, ahead: Int) {
    (end, self.ahead) = (steps.upperBound, max(1, ahead))
    (nextToMake, nextToTake) = (steps.lowerBound, steps.lowerBound)
  }

  /// The next step to make a batch for, as soon as there is room for it; nil when nothing is left to do.
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
