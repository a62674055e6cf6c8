import Datasets
import Formats
import Foundation
import Learning
import Logging
import Networks
import Recipes
import Tensors

/// A training run, from a recipe to an improved network: evaluates, trains, evaluates again, and writes everything to
/// the run's folder. ``TrainingStep`` computes a single step; the trainer handles the files, resuming, and the best
/// checkpoint. A ``TrainingObserver`` can follow the run.
///
/// Processes that train together through the setup's communicator each run a trainer on the same folder, which all of
/// them must be able to read. If an error ends one of them, the program that started them has to end the others too, as
/// MPI's `Abort` does, because they would wait for it in the next sum.
public struct Trainer {
  let setup: Setup
  let folder: RunFolder
  private let step: TrainingStep
  private let observers: [any TrainingObserver]
  private let isInterrupted: () -> Bool
  /// Gets messages, and the tables at the end as results.
  let logger: Logger
  /// Whether this is the first process. Only the first one writes files and messages; all of them read, train and
  /// evaluate.
  let isFirst: Bool

  /// Creates a run.
  ///
  /// - Parameters:
  ///   - setup: the network, the data and the settings of the run.
  ///   - folder: the folder for all files of the run.
  ///   - observers: observers besides the progress line, the log and the figures.
  ///   - isInterrupted: called after each step; the run saves and stops if it returns true.
  public init(
    _ setup: Setup, folder: RunFolder, observers: [any TrainingObserver] = [],
    isInterrupted: @escaping () -> Bool = { false }
  ) {
    var step = setup.trainingStep
    step.recordsNorms = setup.recipe.run.logs.contains(.tensorboard)
    (self.setup, self.folder, self.step) = (setup, folder, step)
    let communicator = setup.communicator
    isFirst = communicator.rank == 0
    self.observers = isFirst ? observers : []
    self.isInterrupted = isInterrupted
    var logger = setup.logger
    logger[metadataKey: "run"] = "\(folder.path)"
    self.logger = logger
  }

  var recipe: Recipe { setup.recipe }

  /// Runs to the end, and returns the evaluations before and after training.
  ///
  /// - Parameter start: what to do if the folder contains an earlier run.
  /// - Returns: the evaluations before the first update and after the last one.
  /// - Throws: ``RunEnd`` if it ends early.
  @discardableResult
  public func run(_ start: RunFolder.Start = .new) throws -> (before: Evaluation.Result, after: Evaluation.Result) {
    let lock = isFirst ? try folder.prepare(start, inputs: recipe.inputs, logs: recipe.run.logs) : nil
    // The other processes look into the folder only after the first has prepared it.
    _ = try setup.communicator.allReduce([0])
    return try withExtendedLifetime(lock) {
      let checkpoint = start == .resume && folder.holdsCheckpoint ? try resume() : nil
      // The first process replaces the checkpoint only after the others have read it.
      _ = try setup.communicator.allReduce([0])
      return try run(from: checkpoint)
    }
  }

  private func run(from checkpoint: Checkpoint?) throws -> (before: Evaluation.Result, after: Evaluation.Result) {
    if isFirst { try folder.note(RunEnvironment(setup, checkpoint?.step ?? 0)) }
    if isFirst, try !folder.write(recipe) {
      logger.warning(
        "\(folder.recipe) was changed by somebody, and stays as it is; the checkpoints have the recipe of this run.")
    }
    let log = isFirst ? try MetricsLog(folder.metrics, resumingAt: checkpoint?.step) : nil
    let told = Observers(all: try log.map { try ownObservers($0, resumingAt: checkpoint?.step) + observers } ?? [])
    var state = try checkpoint.map { try updated($0, log) } ?? begin()

    setup.logFacts()
    for note in setup.notes { logger.info("\(note)\n") }
    if checkpoint == nil, recipe.run.steps > 0, let note = try setup.comparePrecisions()?.note {
      logger.warning("\(note)\n")
    }
    let before = try logger.timed("evaluation before training") {
      try setup.evaluate(setup.network, title: "measuring before")
    }
    let width = Terminal.output.columns
    result("Before training:\n\n\(setup.evaluation.report([("before", before)], width: width))\n", at: 0)
    if checkpoint == nil {
      try told.measured(before, at: 0)
      try told.checkpointBegins(at: 0)
      try keepBest(&state, before)
    }

    var after: Evaluation.Result? = state.step == 0 ? before : nil
    let isLogged = try setup.communicator.allReduce([log?.holds("evaluation") == true ? 1 : 0])[0] > 0
    try logger.timed("training") { try train(&state, isLogged: isLogged, told, &after) }
    let final = try after ?? setup.evaluate(state.result, title: "measuring after")
    let report = setup.evaluation.report([("before", before), ("after", final)], width: width)
    result("After step \(state.step):\n\n\(report)\n", at: state.step)
    if let findings = setup.findings { logger.warning("\(findings)\n") }
    try logger.timed("figures") { try told.runEnds(before: setup.network, after: state.result) }
    result(contents(width: width), at: state.step)
    return (before, final)
  }

  private func result(_ text: String, at step: Int) { logger.notice("\(text)", metadata: Self.at(step)) }

  static func at(_ step: Int) -> Logger.Metadata { ["step": .stringConvertible(step)] }

  /// The observers that show and log the run. What TensorBoard gets comes after the figures, which it shows, and before the
  /// log, which then never holds an evaluation that TensorBoard lacks.
  private func ownObservers(_ log: MetricsLog, resumingAt step: Int?) throws -> [any TrainingObserver] {
    let logs = recipe.run.logs
    try folder.removeLogs(except: logs)
    var all: [any TrainingObserver] = [ProgressObserver(logger), FigureObserver(setup: setup, folder: folder)]
    if logs.contains(.tensorboard) {
      let isMeasured = log.holds("evaluation")
      all.append(try TensorBoardObserver(setup, folder, resumingAt: step, isMeasured: isMeasured))
    }
    all.append(LogObserver(log: log, evaluation: setup.evaluation))
    if logs.contains(.csv) {
      let objectives = self.step.objectiveNames
      all.append(try CSVObserver(folder, objectives: objectives, evaluation: setup.evaluation))
    }
    return all
  }

  /// The list of files in the run's folder, for the user.
  private func contents(width: Int) -> String {
    let figures = folder.figureFiles.count
    var contents = Table(["", ""], leftAligned: 2)
    contents.add(["  checkpoints/last.h5", "the network after the last step"])
    contents.add(["  checkpoints/best.h5", "the network where the measured loss was lowest"])
    if recipe.run.keepBest > 1 {
      contents.add(["  checkpoints/best-STEP.h5", "the \(recipe.run.keepBest) best networks, by their steps"])
    }
    contents.add(["  metrics.jsonl", "every step and every evaluation"])
    if recipe.run.logs.contains(.csv) {
      contents.add(["  metrics.csv, evaluations.csv", "the same as tables"])
    }
    if recipe.run.logs.contains(.tensorboard) {
      contents.add(["  tensorboard/", "curves, gradient norms and figures for TensorBoard"])
    }
    if figures > 0 {
      contents.add(["  figures/", "maps of \(figures == 1 ? "1 image" : "\(figures) images"), before beside after"])
    }
    let export = ShellCommand(
      ["metasal", "export", ShellCommand.path(folder.last), "--to", "safetensors", "--output", "improved.safetensors"])
    let board = ShellCommand(["tensorboard", "--logdir", ShellCommand.path(folder.events)]).text(width: width)
    let look = recipe.run.logs.contains(.tensorboard) ? "Look at the curves with\n\(board)\n" : ""
    return """
      The run's folder is \(folder.path):
      \(contents.text(width: width))
      \(look)Take the network elsewhere with
      \(export.text(width: width))
      """
  }

  private func begin() -> Checkpoint {
    Checkpoint(network: setup.network, random: Checkpoint.contrastClasses(recipe), recipe: recipe.yaml)
  }

  /// Makes the remaining steps. `after` becomes the evaluation after the last step, if one was due. `isLogged` tells
  /// whether the log contains the evaluation of the step from which the run is resumed.
  private func train(
    _ state: inout Checkpoint, isLogged: Bool, _ told: Observers, _ after: inout Evaluation.Result?
  ) throws {
    let steps = recipe.run.steps
    do {
      // If an error prevented the evaluation of this step, it is made first.
      if state.step > 0, !isLogged, isMeasured(state.step) {
        after = try measure(&state, told)
        // This may have become the best checkpoint, and the last checkpoint contains the best score too.
        try save(state, told)
      }
      guard state.step < steps, !isExhausted(state) else { return }
      let began = ContinuousClock.now
      let batches = Prefetcher(setup.train, steps: state.step..<steps, threads: recipe.data.workers)
      try told.runBegins(at: state.step, of: steps)
      while let batch = try Profile.phase(.data, { try batches.next() }) {
        let (next, record) = try taken(state.state, batch)
        try told.stepTaken(record)
        state.state = next
        after = isMeasured(state.step) ? try measure(&state, told) : nil
        let isLast = state.step == steps
        let (isStopped, isLate) = try stops(since: began)
        let isDue = recipe.run.checkpointEvery > 0 && state.step % recipe.run.checkpointEvery == 0
        let isExhausted = isExhausted(state)
        if isLast || isDue || isStopped || isLate || isExhausted { try save(state, told) }
        if isStopped && !isLast { throw RunEnd.interrupted(step: state.step, checkpoint: folder.last) }
        if isExhausted && !isLast {
          logger.info(
            "The outer loss has not become lower in \(recipe.run.patience ?? 0) evaluations; training stops after step \(state.step).\n"
          )
          return
        }
        if isLate && !isLast {
          logger.info(
            "The time limit is reached; training stops after step \(state.step), and can be continued with --resume.\n")
          return
        }
      }
    } catch let end as RunEnd { throw end } catch { throw failed(state, told, error) }
  }

  private func taken(_ state: TrainingState, _ batch: Batch) throws -> (TrainingState, TrainingStep.Record) {
    do { return try step(state, batch) } catch let divergence as TrainingStep.Divergence {
      let isSaved = FileManager.default.fileExists(atPath: folder.last)
      throw RunEnd.diverged(
        step: state.step + 1, what: divergence.what, checkpoint: isSaved ? folder.last : nil)
    }
  }

  /// Whether the run is interrupted, and whether its time is over. A signal may reach one process before the others, so
  /// they agree on the step after which all stop.
  private func stops(since began: ContinuousClock.Instant) throws -> (isStopped: Bool, isLate: Bool) {
    let isLate = recipe.run.timeLimit.map { began.duration(to: .now) >= .seconds($0 * 60) } ?? false
    let all = try setup.communicator.allReduce([isInterrupted() ? 1 : 0, isLate ? 1 : 0])
    return (all[0] > 0, all[1] > 0)
  }

  /// Whether the last evaluations, as many as the recipe's patience, have not found a lower outer loss.
  private func isExhausted(_ state: Checkpoint) -> Bool {
    guard let patience = recipe.run.patience, state.scores.count > patience else { return false }
    let earlier = state.scores.dropLast(patience).min() ?? .infinity
    return state.scores.suffix(patience).allSatisfy { !($0 < earlier) }
  }

  private func isMeasured(_ step: Int) -> Bool {
    step == recipe.run.steps || (recipe.evaluation.every > 0 && step % recipe.evaluation.every == 0)
  }

  /// Evaluates the network, and saves it if it is the best one so far. Observers are notified last, so that an
  /// interrupted evaluation is repeated.
  private func measure(_ state: inout Checkpoint, _ told: Observers) throws -> Evaluation.Result {
    try told.measurementBegins(at: state.step)
    let result = try logger.timed("evaluation after step \(state.step)") {
      try setup.evaluate(state.result, title: "measuring")
    }
    try told.checkpointBegins(at: state.step)
    // If any of this fails, the state stays as it was, because the evaluation is then repeated.
    var next = state
    try keepBest(&next, result)
    try told.measured(result, at: state.step)
    state = next
    if state.step < recipe.run.steps {
      let loss = state.scores.last
      let facts: Logger.Metadata = [
        "accuracy": .stringConvertible(result.accuracy), "outer_loss": .stringConvertible(loss ?? .nan),
      ]
      logger.info(
        """
        Step \(state.step): accuracy \(percent(result.accuracy)), outer loss \(loss.map { decimal($0, 3) } ?? "–")\
        \(state.ranking.best == loss ? ", the lowest so far" : "")
        """, metadata: Self.at(state.step).merging(facts) { $1 })
    }
    return result
  }

  private func keepBest(_ state: inout Checkpoint, _ result: Evaluation.Result) throws {
    let score = setup.score(result)
    state.scores.append(score)
    if let collapse = result.collapse {
      logger.warning(
        "After step \(state.step) \(collapse). Lower optimizer.rate, or the weights of objectives that compare maps.\n",
        metadata: Self.at(state.step))
    }
    let count = recipe.run.keepBest
    guard
      let (place, dropped) = state.ranking.add(
        .init(step: state.step, score: score), keeping: count, isCollapsed: result.collapse != nil), isFirst
    else { return }
    // The checkpoint of the step is written before those that it displaces are removed.
    if count > 1 { try state.write(to: folder.best(step: state.step)) }
    if place == 0 { try state.write(to: folder.best) }
    // A run that keeps one network makes no files of single steps, and so removes none.
    if count > 1 { for entry in dropped { try Ownership.remove(folder.best(step: entry.step)) } }
  }

  private func save(_ state: Checkpoint, _ told: Observers) throws {
    guard isFirst else { return }
    try told.checkpointBegins(at: state.step)
    try state.write(to: folder.last)
  }

  /// Saves the completed steps after an error, and returns the error to throw.
  private func failed(_ state: Checkpoint, _ told: Observers, _ error: any Error) -> any Error {
    guard state.step > 0, isFirst else { return error }
    try? told.checkpointBegins(at: state.step)
    let isSaved = (try? state.write(to: folder.last)) != nil
    return RunEnd.failed(step: state.step, checkpoint: isSaved ? folder.last : nil, cause: error)
  }
}
