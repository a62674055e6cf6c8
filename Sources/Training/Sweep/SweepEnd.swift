/// The reason why a sweep did not make all of its runs.
public enum SweepEnd: Error, CustomStringConvertible {
  /// A run that failed.
  public struct Failure: Sendable {
    /// The run's name, and what was wrong.
    public let name, message: String
  }

  /// A signal was received; the runs have saved their state.
  case interrupted(finished: Int, of: Int)
  /// Some runs failed; all others are finished.
  case failed([Failure])

  public var description: String {
    switch self {
    case .interrupted(let finished, let total):
      "interrupted with \(finished) of \(total) runs finished; the same command goes on"
    case .failed(let failures):
      "\(failures.count == 1 ? "1 run" : "\(failures.count) runs") failed; the same command tries again\n"
        + failures.map { "  \($0.name): \($0.message)" }.joined(separator: "\n")
    }
  }
}
