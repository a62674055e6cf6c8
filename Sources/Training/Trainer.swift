import Datasets
import Formats
import Foundation
import Learning
import Networks
import Recipes
import Tensors

/// Why a run ended early.
public enum RunEnd: Error, CustomStringConvertible {
  /// A signal came; the step was finished and saved.
  case interrupted(step: Int, checkpoint: String)
  /// An objective or the gradient was no number any more.
  case diverged(step: Int, what: String, checkpoint: String?)
  /// Something else went wrong; the steps made before are saved, if there are any.
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

/// One training run, from a recipe to an improved network: measures, trains, measures again, and leaves everything in the
/// run's folder.
public struct Trainer {
  private let setup: Setup
  private let folder: RunFolder
  private let isInterrupted: () -> Bool
  private let say: (String) -> Void

  /// - Parameters:
  ///   - isInterrupted: asked after each step whether to save and stop.
  ///   - say: takes what people are told, a few lines at a time.
  public init(
    _ setup: Setup, folder: RunFolder, isInterrupted: @escaping () -> Bool = { false }, say: @escaping (String) -> Void
  ) {
    (self.setup, self.folder, self.isInterrupted, self.say) = (setup, folder, isInterrupted, say)
  }

  private var recipe: Recipe { setup.recipe }

  /// Runs to the end, and returns what was measured before and after.
  ///
  /// - Parameter start: what becomes of an earlier run in the folder.
  /// - Throws: ``RunEnd`` if it ends early.
  @discardableResult
  public func run(_ start: RunFolder.Start = .new) throws -> (before: Evaluation.Result, after: Evaluation.Result) {
    let lock = try folder.prepare(start, inputs: recipe.inputs)
    return try withExtendedLifetime(lock) { try run(from: start == .resume && folder.holdsCheckpoint ? resume() : nil) }
  }

  private func run(from checkpoint: Checkpoint?) throws -> (before: Evaluation.Result, after: Evaluation.Result) {
    if try !folder.write(recipe) {
      say("\(folder.recipe) was changed by somebody, and stays as it is; the checkpoints have the recipe of this run.\n")
    }
    let log = try MetricsLog(folder.metrics, resumingAt: checkpoint?.step)
    var state = try checkpoint.map { try updated($0, log) } ?? begin()

    if !setup.notes.isEmpty { say(setup.notes.joined(separator: "\n") + "\n") }
    if checkpoint == nil, recipe.run.steps > 0, let note = try setup.comparePrecisions()?.note {
      say(note.folded(to: 90) + "\n")
    }
    let before = try setup.evaluate(setup.network, title: "measuring before")
    say("Before training:\n\n\(setup.evaluation.report([("before", before)]))\n")
    if checkpoint == nil {
      try log.add("evaluation", step: 0, setup.evaluation.event(before))
      try log.sync()
      try keepBest(&state, before)
    }

    var after: Evaluation.Result? = state.step == 0 ? before : nil
    try train(&state, log, &after)
    let final = try after ?? setup.evaluate(state.network, title: "measuring after")
    say("After step \(state.step):\n\n\(setup.evaluation.report([("before", before), ("after", final)]))\n")
    if let findings = setup.findings { say(findings + "\n") }
    let pictures = try Gallery(setup).draw(before: setup.network, after: state.network, into: folder.pictures)
    for file in folder.pictureFiles where !pictures.contains(file) { try Ownership.remove(file) }
    var contents = Table(["", ""], leftAligned: 2)
    contents.add(["  checkpoints/last.h5", "the network after the last step"])
    contents.add(["  checkpoints/best.h5", "the network where the measured loss was lowest"])
    contents.add(["  metrics.jsonl", "every step and every evaluation"])
    if !pictures.isEmpty { contents.add(["  pictures/", "maps of \(pictures.count) images, before beside after"]) }
    say(
      """
      The run's folder is \(folder.path):
      \(contents)
      Take the network elsewhere with
        metasal export \(folder.last) --to safetensors --output improved.safetensors
      """)
    return (before, final)
  }

  private func begin() -> Checkpoint {
    Checkpoint(network: setup.network, random: Checkpoint.opponents(recipe), recipe: recipe.yaml)
  }

  private func resume() throws -> Checkpoint {
    let state = try Checkpoint(contentsOf: folder.last).converted(to: recipe.run.precision)
    guard state.network.architecture == setup.network.architecture, state.network.classes == setup.network.classes
    else {
      throw FileError(
        .malformed, folder.last,
        "a \(state.network.architecture) of \(state.network.classes) classes, where the recipe has a "
          + "\(setup.network.architecture) of \(setup.network.classes)")
    }
    return state
  }

  /// A checkpoint as the recipe goes on with it, which may have changed since: that is said, logged and saved.
  private func updated(_ checkpoint: Checkpoint, _ log: MetricsLog) throws -> Checkpoint {
    var state = checkpoint
    say("Resuming after step \(state.step).\n")
    guard state.recipe != recipe.yaml else { return state }
    // What an older version wrote may not be taken any more: then a value that is as it was cannot be told from one that is new.
    let earlier = StoredRecipe(state.recipe, source: folder.last)
    let changes = recipe.changes(since: earlier.recipe).filter { earlier.problems(with: $0.key).isEmpty }
    if !earlier.problems.isEmpty {
      say("Of the checkpoint's recipe this is not taken any more:\n\(earlier.problems.map { "  \($0)\n" }.joined())")
    }
    say(
      (["The recipe has changed since the checkpoint was written; the run goes on with the recipe as it is now."]
        + changes.map { "  \($0.key): \($0.old ?? "–") → \($0.new ?? "–")" }).joined(separator: "\n") + "\n")
    if let memory = recipe.optimizer.optimizer.adopting(state.optimizer) {
      state.optimizer = memory
    } else {
      say("The optimizer is another one, and begins with nothing remembered.\n")
      state.optimizer = .init()
    }
    let telling = changes.filter { !Recipe.keysWithoutEffect.contains($0.key) }
    if telling.contains(where: { change in Self.judging.contains { change.key.hasPrefix($0) } }) {
      state.best = try scoreOfBest(upTo: state.step)
    }
    if !telling.isEmpty {
      let values = telling.map { ($0.key, [$0.old ?? NSNull(), $0.new ?? NSNull()] as [Any]) }
      try log.add("recipe", step: state.step, ["changes": Dictionary(values) { $1 }])
    }
    state.recipe = recipe.yaml
    try state.write(to: folder.last)
    return state
  }

  /// Sections of a recipe by which networks are judged.
  private static let judging = ["model", "data", "inner", "saliency", "outer", "evaluation"]

  /// The best network's score by the recipe as it is now; nil where the file has one of steps that the run goes back behind.
  private func scoreOfBest(upTo step: Int) throws -> Double? {
    guard let best = (try? Checkpoint(contentsOf: folder.best))?.converted(to: recipe.run.precision), best.step <= step
    else { return nil }
    return setup.score(try setup.evaluate(best.network, title: "measuring the best so far"))
  }

  /// The steps that are left; `after` becomes the evaluation of the last one, if it was due.
  private func train(_ state: inout Checkpoint, _ log: MetricsLog, _ after: inout Evaluation.Result?) throws {
    let steps = recipe.run.steps
    do {
      // What an error kept from being measured comes first.
      if state.step > 0, !log.holds("evaluation"), isMeasured(state.step) {
        after = try measure(&state, log)
        // It may be the best one only since now, which the checkpoint says too.
        try log.sync()
        try state.write(to: folder.last)
      }
      guard state.step < steps else { return }
      let batches = Prefetcher(setup.train, steps: state.step..<steps, threads: recipe.data.workers)
      let progress = Progress("training", total: steps, start: state.step)
      defer { progress.clear() }
      while let batch = try Profile.phase(.data, { try batches.next() }) {
        let (next, values) = try self.next(state, batch)
        try log.add("step", step: next.step, values)
        state = next
        progress.update(state.step, detail: summary(values))
        after = nil
        if isMeasured(state.step) {
          progress.clear()
          after = try measure(&state, log)
        }
        let isLast = state.step == steps
        let stops = isInterrupted()
        let isDue = recipe.run.checkpointEvery > 0 && state.step % recipe.run.checkpointEvery == 0
        if isLast || isDue || stops {
          try log.sync()
          try state.write(to: folder.last)
        }
        if stops && !isLast { throw RunEnd.interrupted(step: state.step, checkpoint: folder.last) }
      }
    } catch let end as RunEnd { throw end } catch { throw failed(state, log, error) }
  }

  private func isMeasured(_ step: Int) -> Bool {
    step == recipe.run.steps || (recipe.evaluation.every > 0 && step % recipe.evaluation.every == 0)
  }

  /// Measures the network, and saves it if it is the best one so far. It is logged last, so that what was not brought to its end is
  /// done again.
  private func measure(_ state: inout Checkpoint, _ log: MetricsLog) throws -> Evaluation.Result {
    let result = try setup.evaluate(state.network, title: "measuring")
    try log.sync()
    try keepBest(&state, result)
    try log.add("evaluation", step: state.step, setup.evaluation.event(result))
    return result
  }

  private func keepBest(_ state: inout Checkpoint, _ result: Evaluation.Result) throws {
    let score = setup.score(result)
    if let best = state.best, !(score < best) { return }
    var best = state
    best.best = score
    try best.write(to: folder.best)
    state = best
  }

  /// Saves the steps that were made before an error.
  private func failed(_ state: Checkpoint, _ log: MetricsLog, _ error: any Error) -> any Error {
    guard state.step > 0 else { return error }
    try? log.sync()
    let isSaved = (try? state.write(to: folder.last)) != nil
    return RunEnd.failed(step: state.step, checkpoint: isSaved ? folder.last : nil, cause: error)
  }

  /// The state after one more update of the parameters, and what is logged of it.
  private func next(_ state: Checkpoint, _ batch: Batch) throws -> (Checkpoint, [String: Any]) {
    var next = state
    let outcome = try setup.step(
      state.network, batch.images, labels: batch.labels,
      targets: .shares(of: batch.targets, classes: state.network.classes, batch.images.scalarType),
      workers: setup.workers, random: &next.random)
    var values: [String: Any] = ["loss": outcome.total]
    for (name, value) in zip(objectiveNames, outcome.values) {
      values[name] = value
      if let value, !value.isFinite { throw diverged(state, "the objective \(name)") }
    }
    let (gradients, norm) = clipped(outcome.gradients, toNorm: recipe.optimizer.clipNorm)
    guard norm.isFinite else { throw diverged(state, "the gradient") }
    let rate = recipe.optimizer.schedule.rate(recipe.optimizer.rate, step: state.step, of: recipe.run.steps)
    let parameters = Profile.phase(.optimizer) {
      recipe.optimizer.optimizer.update(state.network.parameters, gradients, rate: rate, state: &next.optimizer)
    }
    guard parameters.allSatisfy(\.isFinite) else { throw diverged(state, "a parameter") }
    next.network = (outcome.statistics ?? state.network).with(parameters: parameters)
    next.step += 1
    values["gradient_norm"] = norm
    values["rate"] = rate
    return (next, values)
  }

  private func diverged(_ state: Checkpoint, _ what: String) -> RunEnd {
    let isSaved = FileManager.default.fileExists(atPath: folder.last)
    return .diverged(step: state.step + 1, what: what, checkpoint: isSaved ? folder.last : nil)
  }

  /// The objectives' names, numbered where one occurs more than once.
  private var objectiveNames: [String] {
    let names = recipe.outer.map(\.objective.name)
    return names.enumerated().map { index, name in
      names.filter { $0 == name }.count > 1 ? "\(name)_\(index)" : name
    }
  }

  /// The loss and all objectives.
  func summary(_ values: [String: Any]) -> String {
    (["loss"] + objectiveNames).compactMap { name in
      (values[name] as? Double).map { "\(name) \(decimal($0, 3))" }
    }.joined(separator: "  ")
  }
}
