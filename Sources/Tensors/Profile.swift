import Foundation
import Synchronization

/// A profiler that records the time and the arithmetic of every operation, by kind and by phase.
///
/// When it is off, it costs one load per operation. There is one recording at a time for the whole program.
public enum Profile {
  /// A part of a training step.
  public enum Phase: String, Sendable, CaseIterable {
    /// Waiting for images.
    case data
    /// The forward pass at the network's own weights.
    case forward
    /// The virtual class update.
    case inner
    /// Maps and their comparison.
    case map
    /// The gradient of the outer loss.
    case outer
    /// The update of the parameters.
    case optimizer
    /// The evaluation of the network.
    case evaluation
    /// Everything else.
    case other
  }

  /// A recorded operation or phase.
  public struct Event: Sendable {
    /// The name of the operation or phase.
    public let name: String
    /// The phase.
    public let phase: Phase
    /// The number of the thread, from 0 in the order of appearance.
    public let thread: Int
    /// The start and the duration in nanoseconds; the recording starts at 0.
    public let start, duration: UInt64
    /// The floating-point operations of matrix products and of convolutions, counted as in the direct algorithm; 0 for
    /// everything else.
    public let arithmetic: Int
    /// Whether the event is a phase, which contains operations.
    public let isPhase: Bool
  }

  /// The totals of one kind of operation in one phase.
  public struct Total: Sendable {
    /// The phase.
    public let phase: Phase
    /// The operation's name.
    public let name: String
    /// The number of calls.
    public internal(set) var count = 0
    /// The time in nanoseconds, summed over threads.
    public internal(set) var duration: UInt64 = 0
    /// Floating-point operations.
    public internal(set) var arithmetic = 0

    /// Creates an empty total.
    public init(_ phase: Phase, _ name: String) { (self.phase, self.name) = (phase, name) }

    /// Adds another total.
    public mutating func add(_ other: Total) {
      count += other.count
      duration += other.duration
      arithmetic += other.arithmetic
    }
  }

  /// The result of a recording.
  public struct Report: Sendable {
    /// The totals by phase and operation, the longest first.
    public let totals: [Total]
    /// The time within each phase in nanoseconds, summed over threads.
    public let phases: [Phase: UInt64]
    /// The first events of each phase, at most ``Profile/eventLimit``.
    public let events: [Event]
    /// The time from start to stop in nanoseconds.
    public let duration: UInt64
  }

  /// The number of events that are kept per phase; further ones are only counted.
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

  /// Starts a recording.
  public static func start() {
    recording.withLock { $0 = Recording() }
    isOn.store(true, ordering: .relaxed)
  }

  /// Stops the recording; nil if none was started.
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

  /// Runs `body` as a phase. All work during an evaluation counts as evaluation.
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

  /// Measures the processor's float32 peak in GFLOP/s, on this number of threads for a fifth of a second.
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
