import Foundation

/// A pool of threads that help with loops. The calling thread does all work that no helper takes, so that everything
/// also runs, more slowly, if the system refuses to create threads. (Dispatch would wait for a thread indefinitely.)
public final class Crew: @unchecked Sendable {
  /// A loop that any number of threads may run at the same time. Each thread repeatedly claims a part of the work.
  private final class Job {
    var body: (() -> Void)?
    /// The number of helpers that may still join, and the number of active ones.
    var (wanted, active): (Int, Int)

    init(_ body: @escaping () -> Void, wanted: Int) { (self.body, self.wanted, active) = (body, wanted, 0) }
  }

  static let shared = Crew()

  private let start: (@escaping @Sendable () -> Void) -> Bool
  private let limit: Int
  private let lock = Lock()
  // The lock protects everything below.
  private var jobs: [Job] = []
  private var (count, idle) = (0, 0)

  /// Creates a pool without threads; they are started on demand.
  ///
  /// - Parameters:
  ///   - limit: the largest number of helpers; a single call may ask for more.
  ///   - start: starts a thread and returns whether it succeeded.
  init(limit: Int = Parallel.processors - 1, start: @escaping (@escaping @Sendable () -> Void) -> Bool = startThread) {
    (self.limit, self.start) = (limit, start)
  }

  /// Runs `body` on the calling thread and at the same time on up to `threads - 1` helpers. It returns when all of them
  /// have finished.
  func together(_ threads: Int, _ body: () -> Void) {
    guard threads > 1 else { return body() }
    withoutActuallyEscaping(body) { body in
      let job = Job(body, wanted: threads - 1)
      lock.lock()
      jobs.append(job)
      for _ in 0..<min(idle, job.wanted) { lock.signalWork() }
      while idle < job.wanted, count < max(limit, threads - 1), start({ self.help() }) {
        count += 1
        idle += 1  // until the helper has the lock and looks for work
      }
      lock.unlock()
      body()
      lock.lock()
      jobs.removeAll { $0 === job }
      while job.active > 0 { lock.waitForEnd() }
      job.body = nil
      lock.unlock()
    }
  }

  private func help() {
    lock.lock()
    while true {
      idle -= 1
      // The helper must not retain the job: no reference may remain when `together` returns after the last helper has
      // finished.
      while let job = join() {
        lock.unlock()
        Self.run(job)
        lock.lock()
        leave(job)
      }
      idle += 1
      lock.waitForWork()
    }
  }

  @inline(never) private func join() -> Unmanaged<Job>? {
    guard let job = jobs.first(where: { $0.wanted > 0 }) else { return nil }
    job.wanted -= 1
    job.active += 1
    return .passUnretained(job)
  }

  @inline(never) private static func run(_ job: Unmanaged<Job>) { job._withUnsafeGuaranteedRef { $0.body?() } }

  @inline(never) private func leave(_ job: Unmanaged<Job>) {
    job._withUnsafeGuaranteedRef { job in
      job.active -= 1
      job.wanted = 0  // a thread that finishes has found no work left to claim
      if job.active == 0 { lock.signalEnd() }
    }
  }

  /// Starts a thread that runs `body`.
  ///
  /// - Returns: whether it succeeded; the system may have no resources for it.
  @Sendable public static func startThread(_ body: @escaping @Sendable () -> Void) -> Bool {
    final class Work {
      let body: @Sendable () -> Void; init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var attributes = pthread_attr_t()
    guard pthread_attr_init(&attributes) == 0 else { return false }
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    pthread_attr_setstacksize(&attributes, 8 << 20)
    let work = Unmanaged.passRetained(Work(body))
    var thread = pthread_t()
    let status = pthread_create(
      &thread, &attributes,
      { work in
        if let work { Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body() }
        return nil
      }, work.toOpaque())
    if status != 0 { work.release() }
    return status == 0
  }
}

/// A lock with two condition variables.
private final class Lock: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let work = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let end = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(work, nil)
    pthread_cond_init(end, nil)
  }

  deinit {
    pthread_cond_destroy(end)
    pthread_cond_destroy(work)
    pthread_mutex_destroy(mutex)
    end.deallocate()
    work.deallocate()
    mutex.deallocate()
  }

  func lock() { pthread_mutex_lock(mutex) }
  func unlock() { pthread_mutex_unlock(mutex) }
  func waitForWork() { pthread_cond_wait(work, mutex) }
  func signalWork() { pthread_cond_signal(work) }
  func waitForEnd() { pthread_cond_wait(end, mutex) }
  func signalEnd() { pthread_cond_broadcast(end) }
}
