@preconcurrency import Dispatch
import Foundation
import Synchronization

/// Notices SIGINT and SIGTERM, so that a run can finish its step and save before it ends. A second signal ends the program
/// at once, as if nobody listened.
public final class Interruption: Sendable {
  private let requested = Atomic(false)
  private let sources: [any DispatchSourceSignal]

  /// Listens from now on, until the value is released.
  public init() {
    let signals = [SIGINT, SIGTERM]
    for number in signals { signal(number, SIG_IGN) }
    sources = signals.map { DispatchSource.makeSignalSource(signal: $0, queue: .global()) }
    for (number, source) in zip(signals, sources) {
      source.setEventHandler { [weak self] in
        self?.requested.store(true, ordering: .relaxed)
        signal(number, SIG_DFL)
      }
      source.resume()
    }
  }

  deinit {
    for source in sources { source.cancel() }
    signal(SIGINT, SIG_DFL)
    signal(SIGTERM, SIG_DFL)
  }

  /// Whether a signal has come.
  public var isRequested: Bool { requested.load(ordering: .relaxed) }
}
