import Formats
import Foundation
import Tensors

extension Profile.Report {
  /// The profile as tables, in lines of at most `width` characters: by phase, by operation, and totals.
  public func text(width: Int = Terminal.usualColumns) -> String {
    let worked = max(1, Double(phases.values.reduce(0, +)))
    func seconds(_ nanoseconds: UInt64) -> String { decimal(Double(nanoseconds) * 1e-9, 3) }

    var byPhase = Table(["phase", "seconds", "share", "in operations"], leftAligned: 1)
    for phase in Profile.Phase.allCases {
      guard let time = phases[phase] else { continue }
      let inside = totals.filter { $0.phase == phase }.reduce(0) { $0 + $1.duration }
      byPhase.add([phase.rawValue, seconds(time), percent(Double(time) / worked), seconds(inside)])
    }

    var operations: [String: Profile.Total] = [:]
    for total in totals { operations[total.name, default: .init(total.phase, total.name)].add(total) }
    let timed = max(1, Double(operations.values.reduce(0) { $0 + $1.duration }))
    var byOperation = Table(["operation", "calls", "seconds", "share", "GFLOP/s"], leftAligned: 1)
    for total in operations.values.sorted(by: { ($0.duration, $1.name) > ($1.duration, $0.name) }) {
      let rate = total.arithmetic == 0 ? "" : decimal(Double(total.arithmetic) / Double(max(1, total.duration)), 1)
      byOperation.add([
        total.name, "\(total.count)", seconds(total.duration), percent(Double(total.duration) / timed), rate,
      ])
    }

    let arithmetic = totals.reduce(0) { $0 + $1.arithmetic }
    var all = Table(["", ""], leftAligned: 1)
    all.add(["wall time", "\(seconds(duration)) s"])
    all.add(["largest memory", "\(Self.peakMemory / 1024) MiB"])
    all.add(["arithmetic", "\(decimal(Double(arithmetic) * 1e-9, 1)) GFLOP"])
    all.add(["rate over all", "\(decimal(Double(arithmetic) / Double(max(1, duration)), 1)) GFLOP/s"])
    return """
      Phases, their time on all threads together:

      \(byPhase.text(width: width))

      Operations (rates are per thread that calls):

      \(byOperation.text(width: width))

      \(all.text(width: width))
      """
  }

  /// The events in Chrome's trace format, for Perfetto or chrome://tracing, with times in microseconds.
  ///
  /// - Throws: an error of JSON encoding, which does not occur for these types.
  public func trace() throws -> Data {
    struct Event: Encodable {
      struct Arguments: Encodable { let gflops: Double }
      let name, cat: String
      var ph = "X"
      let ts, dur: Double
      var pid = 0
      let tid: Int
      let args: Arguments?
    }
    struct Trace: Encodable {
      let traceEvents: [Event]
      var displayTimeUnit = "ms"
      var software = Ownership.name
    }
    let all = events.map { event in
      Event(
        name: event.name, cat: event.isPhase ? "phase" : event.phase.rawValue, ts: Double(event.start) / 1000,
        dur: Double(event.duration) / 1000, tid: event.thread,
        args: event.arithmetic == 0
          ? nil : .init(gflops: Double(event.arithmetic) / Double(max(1, event.duration))))
    }
    return try JSONEncoder().encode(Trace(traceEvents: all))
  }

  /// The peak resident memory of the process in KiB.
  private static var peakMemory: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss
  }
}
