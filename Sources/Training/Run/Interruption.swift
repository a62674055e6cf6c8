import Foundation
import Synchronization

/// Handles SIGINT, SIGTERM and SIGHUP, so that a run can finish its step and save before it ends. A second signal ends
/// the program at once. SIGPIPE is ignored, so the run also survives a closed terminal or pipe; the output is then
/// lost.
public final class Interruption: Sendable {
  // A signal handler may only access an atomic flag like this; see signal-safety(7).
  private static let requested = Atomic(false)
  private let before: [(number: Int32, action: sigaction)]

  /// Installs the signal handlers; the previous ones are restored when the value is released.
  public init() {
    Self.requested.store(false, ordering: .relaxed)
    var listening = sigaction()
    listening.__sigaction_handler.sa_handler = { _ in Interruption.requested.store(true, ordering: .relaxed) }
    // SA_RESTART continues interrupted reads and writes, and SA_RESETHAND restores the default action after the first
    // signal.
    listening.sa_flags = SA_RESTART | Int32(bitPattern: UInt32(SA_RESETHAND))
    var ignoring = sigaction()
    ignoring.__sigaction_handler.sa_handler = SIG_IGN
    before = [SIGINT, SIGTERM, SIGHUP, SIGPIPE].map { number in
      var old = sigaction()
      if number == SIGPIPE { sigaction(number, &ignoring, &old) } else { sigaction(number, &listening, &old) }
      return (number, old)
    }
    // The parent process may have blocked signals, and blocked signals are inherited.
    var listened = sigset_t()
    sigemptyset(&listened)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&listened, number) }
    pthread_sigmask(SIG_UNBLOCK, &listened, nil)
    // Under nohup SIGHUP stays ignored.
    for (number, action) in before where number == SIGHUP && Self.isIgnoring(action) {
      var action = action
      sigaction(number, &action, nil)
    }
  }

  private static func isIgnoring(_ action: sigaction) -> Bool {
    unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  deinit {
    for (number, action) in before {
      var action = action
      sigaction(number, &action, nil)
    }
  }

  /// Whether a signal was received.
  public var isRequested: Bool { Self.requested.load(ordering: .relaxed) }
}
