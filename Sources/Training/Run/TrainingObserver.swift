import Networks

/// Who is told how a run goes: the progress line, the log and the figures are such, and a program may add its own. All of
/// it happens on the run's own thread. An error ends the run, after the steps that were made are saved.
public protocol TrainingObserver {
  /// The run begins, or goes on, after `step` of `steps` updates.
  func runBegins(at step: Int, of steps: Int) throws
  /// An update was made.
  func stepTaken(_ record: TrainingStep.Record) throws
  /// The network is about to be measured.
  func measurementBegins(at step: Int) throws
  /// The network was measured, and saved if it is the best one so far.
  func measured(_ result: Evaluation.Result, at step: Int) throws
  /// A checkpoint that names this step is about to be written: what belongs to the steps before must be on the disk.
  func checkpointBegins(at step: Int) throws
  /// All updates were made. `before` is the network that the run started from, and `after` is the one after the last update.
  func runEnds(before: Network, after: Network) throws
}

extension TrainingObserver {
  public func runBegins(at step: Int, of steps: Int) throws {}
  public func stepTaken(_ record: TrainingStep.Record) throws {}
  public func measurementBegins(at step: Int) throws {}
  public func measured(_ result: Evaluation.Result, at step: Int) throws {}
  public func checkpointBegins(at step: Int) throws {}
  public func runEnds(before: Network, after: Network) throws {}
}

/// All of several observers, in their order.
struct Observers: TrainingObserver {
  let all: [any TrainingObserver]

  func runBegins(at step: Int, of steps: Int) throws { for each in all { try each.runBegins(at: step, of: steps) } }
  func stepTaken(_ record: TrainingStep.Record) throws { for each in all { try each.stepTaken(record) } }
  func measurementBegins(at step: Int) throws { for each in all { try each.measurementBegins(at: step) } }
  func measured(_ result: Evaluation.Result, at step: Int) throws {
    for each in all { try each.measured(result, at: step) }
  }
  func checkpointBegins(at step: Int) throws { for each in all { try each.checkpointBegins(at: step) } }
  func runEnds(before: Network, after: Network) throws {
    for each in all { try each.runEnds(before: before, after: after) }
  }
}
