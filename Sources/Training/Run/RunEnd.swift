/// The reason why a run ended early.
public enum RunEnd: Error, CustomStringConvertible {
  /// A signal was received; the current step was finished and saved.
  case interrupted(step: Int, checkpoint: String)
  /// An objective, the gradient or a parameter is not finite.
  case diverged(step: Int, what: String, checkpoint: String?)
  /// Another error occurred; the steps before it are saved, if there are any.
  case failed(step: Int, checkpoint: String?, cause: any Error)

  public var description: String {
    switch self {
    case .interrupted(let step, let checkpoint):
      "interrupted after step \(step); saved in \(checkpoint), continue with --resume"
    case .diverged(let step, let what, let checkpoint):
      "step \(step): \(what) is not finite, so the run stops; "
        + (checkpoint.map { "the last good checkpoint is \($0)" } ?? "no checkpoint was saved yet")
    case .failed(let step, let checkpoint, let cause):
      "\(cause)\n"
        + (checkpoint.map { "The run stops after step \(step), which is saved in \($0); continue with --resume." }
          ?? "The run stops after step \(step), which could not be saved; --resume continues from the checkpoint before.")
    }
  }
}
