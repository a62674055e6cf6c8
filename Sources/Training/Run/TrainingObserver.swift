import Networks

/// An observer of a run. The progress line, the log and the figures are observers, and a program can add its own. All
/// methods are called on the run's own thread. An error that a method throws ends the run, after the completed steps
/// are saved.
public protocol TrainingObserver {
  /// Called when the run starts or is resumed, after `step` of `steps` updates.
  func runBegins(at step: Int, of steps: Int) throws
  /// Called after each update.
  func stepTaken(_ record: TrainingStep.Record) throws
  /// Called before the network is evaluated.
  func measurementBegins(at step: Int) throws
  /// Called after the network was evaluated, and saved if it is the best one so far.
  func measured(_ result: Evaluation.Result, at step: Int) throws
  /// Called before a checkpoint of this step is written: records of earlier steps must be on the disk by then.
  func checkpointBegins(at step: Int) throws
  /// Called after all updates. `before` is the network that the run started from, and `after` the one after the last
  /// update.
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

/// Several observers, called in order.
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
