import Foundation
import Synchronization

/// Where the time goes, on request: every operation's time and arithmetic by kind and by the phase of the work it was done in.
///
/// Off it costs one load per operation. One recording at a time, of the whole program.
public enum Profile {
  /// A part of a training step.
  public enum Phase: String, Sendable, CaseIterable {
    /// Waiting for images.
    case data
    /// The network at its own weights.
    case forward
    /// The virtual class update.
    case inner
    /// The maps at their weights, and what compares them.
    case map
    /// The derivative of the outer loss.
    case outer
    /// The update of the parameters.
    case optimizer
    /// Measuring the network.
    case evaluation
    /// All that belongs to no other phase.
    case other
  }

  /// An operation or a phase that was recorded.
  public struct Event: Sendable {
    /// What was done.
    public let name: String
    /// The phase in which it was done.
    public let phase: Phase
    /// Threads are numbered from 0 as they appear.
    public let thread: Int
    /// Nanoseconds from the recording's start.
    public let start, duration: UInt64
    /// Floating-point operations of convolutions, as many as a plain one takes, and matrix products; 0 for all else.
    public let arithmetic: Int
    /// Whether it is a phase, around the operations in it.
    public let isPhase: Bool
  }

  /// Sums over one kind of operation in one phase.
  public struct Total: Sendable {
    /// The phase in which it was done.
    public let phase: Phase
    /// The operation's name.
    public let name: String
    /// How often.
    public internal(set) var count = 0
    /// Nanoseconds, over all threads.
    public internal(set) var duration: UInt64 = 0
    /// Floating-point operations.
    public internal(set) var arithmetic = 0

    /// Nothing yet.
    public init(_ phase: Phase, _ name: String) { (self.phase, self.name) = (phase, name) }

    /// Adds what another total counts.
    public mutating func add(_ other: Total) {
      count += other.count
      duration += other.duration
      arithmetic += other.arithmetic
    }
  }

  /// What a recording saw.
  public struct Report: Sendable {
    /// By phase and operation, the longest first.
    public let totals: [Total]
    /// Nanoseconds within each phase, over all threads.
    public let phases: [Phase: UInt64]
    /// The first events of each phase, at most ``Profile/eventLimit``.
    public let events: [Event]
    /// Nanoseconds from start to stop.
    public let duration: UInt64
  }

  /// Events of a phase beyond these are counted but not kept.
  public static let eventLimit = 50_000

  private struct Key: Hashable {
    let phase: Phase
    let name: String
  }

  private struct Recording {
    let start = now()
    var totals: [Key: Total] = [:]
    var phases: [Phase: UInt64] = [:]
    var events: [Event] = []
    var kept: [Phase: Int] = [:]
    var threads: [UInt: Int] = [:]
  }

  private static let isOn = Atomic(false)
  private static let recording = Mutex<Recording?>(nil)
  @TaskLocal private static var phase = Phase.other

  /// Begins a recording.
  public static func start() {
    recording.withLock { $0 = Recording() }
    isOn.store(true, ordering: .relaxed)
  }

  /// Ends it; nil if none was begun.
  public static func stop() -> Report? {
    isOn.store(false, ordering: .relaxed)
    return recording.withLock { recording in
      defer { recording = nil }
      return recording.map {
        Report(
          totals: $0.totals.values.sorted { $0.duration > $1.duration }, phases: $0.phases, events: $0.events,
          duration: now() - $0.start)
      }
    }
  }

  /// Runs `body` as a phase. What is done to evaluate stays evaluation, whatever it is made of.
  public static func phase<Result>(_ phase: Phase, _ body: () throws -> Result) rethrows -> Result {
    guard isOn.load(ordering: .relaxed), Self.phase != .evaluation else { return try body() }
    let start = now()
    defer { add(phase.rawValue, phase, start, 0, isPhase: true) }
    return try $phase.withValue(phase) { try body() }
  }

  /// Runs `body` as an operation.
  @inline(__always)
  static func operation<Result>(_ name: StaticString, arithmetic: Int, _ body: () -> Result) -> Result {
    guard isOn.load(ordering: .relaxed) else { return body() }
    let start = now()
    defer { add("\(name)", phase, start, arithmetic, isPhase: false) }
    return body()
  }

  /// The processor's peak in float32, measured for a fifth of a second on as many threads, in GFLOP/s.
  public static func peakRate(threads: Int) -> Double {
    let rounds = 1 << 19
    let operations = Atomic(0)
    let start = now()
    Parallel.split(threads, threads: threads) { _ in
      while now() - start < 200_000_000 {
        operations.add(Kernels.peak(rounds), ordering: .relaxed)
      }
    }
    return Double(operations.load(ordering: .relaxed)) / Double(now() - start)
  }

  private static func add(_ name: String, _ phase: Phase, _ start: UInt64, _ arithmetic: Int, isPhase: Bool) {
    let duration = now() - start
    let thread = UInt(pthread_self())
    recording.withLock { recording in
      guard recording != nil else { return }
      if isPhase {
        recording?.phases[phase, default: 0] += duration
      } else {
        let key = Key(phase: phase, name: name)
        var total = recording?.totals[key] ?? Total(phase, name)
        total.count += 1
        total.duration += duration
        total.arithmetic += arithmetic
        recording?.totals[key] = total
      }
      let number = recording?.threads[thread] ?? recording?.threads.count ?? 0
      recording?.threads[thread] = number
      if let begin = recording?.start, recording?.kept[phase] ?? 0 < eventLimit {
        recording?.kept[phase, default: 0] += 1
        recording?.events.append(
          Event(
            name: name, phase: phase, thread: number, start: start - min(start, begin), duration: duration,
            arithmetic: arithmetic, isPhase: isPhase))
      }
    }
  }

  private static func now() -> UInt64 { DispatchTime.now().uptimeNanoseconds }
}
