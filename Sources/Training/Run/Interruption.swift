import Foundation
import Synchronization

/// Notices SIGINT, SIGTERM and SIGHUP, so that a run can finish its step and save before it ends. A second signal ends the program
/// at once, as if nobody listened. A terminal or a reader of the output that goes away does not end it: what is written to it is
/// lost.
public final class Interruption: Sendable {
  // A handler may touch nothing but this; see signal-safety(7).
  private static let requested = Atomic(false)
  private let before: [(number: Int32, action: sigaction)]

  /// Listens from now on, until the value is released.
  public init() {
    Self.requested.store(false, ordering: .relaxed)
    var listening = sigaction()
    listening.__sigaction_handler.sa_handler = { _ in Interruption.requested.store(true, ordering: .relaxed) }
    // Reads and writes that it falls into go on; after the first signal the next one is as it was.
    listening.sa_flags = SA_RESTART | Int32(bitPattern: UInt32(SA_RESETHAND))
    var ignoring = sigaction()
    ignoring.__sigaction_handler.sa_handler = SIG_IGN
    before = [SIGINT, SIGTERM, SIGHUP, SIGPIPE].map { number in
      var old = sigaction()
      if number == SIGPIPE { sigaction(number, &ignoring, &old) } else { sigaction(number, &listening, &old) }
      return (number, old)
    }
    // Whoever started us may have kept signals back in that thread, which is inherited.
    var listened = sigset_t()
    sigemptyset(&listened)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&listened, number) }
    pthread_sigmask(SIG_UNBLOCK, &listened, nil)
    // What nohup has turned off stays so.
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

  /// Whether a signal has come.
  public var isRequested: Bool { Self.requested.load(ordering: .relaxed) }
}
