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

  public var description: String {
    switch self {
    case .interrupted(let step, let checkpoint):
      "interrupted after step \(step); saved in \(checkpoint), continue with --resume"
    case .diverged(let step, let what, let checkpoint):
      "step \(step): \(what) is not finite, so the run stops; "
        + (checkpoint.map { "the last good checkpoint is \($0)" } ?? "no checkpoint was saved yet")
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
  /// - Parameter isResumed: goes on from the folder's last checkpoint, if there is one.
  /// - Throws: ``RunEnd`` if it ends early.
  @discardableResult
  public func run(isResumed: Bool = false) throws -> (before: Evaluation.Result, after: Evaluation.Result) {
    let resumed = isResumed && FileManager.default.fileExists(atPath: folder.last)
    var state = resumed ? try resume() : try begin()
    let log = try MetricsLog(folder.metrics, resumingAt: resumed ? state.step : nil)

    if !setup.notes.isEmpty { say(setup.notes.joined(separator: "\n") + "\n") }
    let before = try setup.evaluate(setup.network, title: "measuring before")
    if !resumed { try log.add("evaluation", step: 0, setup.evaluation.event(before)) }
    say("Before training:\n\n\(setup.evaluation.report([("before", before)]))\n")
    if !resumed {
      state.best = setup.score(before)
      try state.write(to: folder.best)
    }

    var after: Evaluation.Result? = state.step == 0 ? before : nil
    try train(&state, log, &after)
    let final = try after ?? setup.evaluate(state.network, title: "measuring after")
    say("After step \(state.step):\n\n\(setup.evaluation.report([("before", before), ("after", final)]))\n")
    if let skipped = setup.skipped { say(skipped + "\n") }
    let pictures = try Gallery(setup).draw(before: setup.network, after: state.network, into: folder.pictures)
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

  private func begin() throws -> Checkpoint {
    try folder.create()
    try Files.write(Data(recipe.yaml.utf8), to: folder.recipe)
    return Checkpoint(
      network: setup.network, random: RandomSource(seed: UInt64(recipe.run.seed), purpose: "opponents"),
      recipe: recipe.yaml)
  }

  private func resume() throws -> Checkpoint {
    let state = try Checkpoint(contentsOf: folder.last)
    guard state.network.architecture == setup.network.architecture, state.network.classes == setup.network.classes
    else {
      throw FileError(
        .malformed, folder.last,
        "a \(state.network.architecture) of \(state.network.classes) classes, where the recipe has a "
          + "\(setup.network.architecture) of \(setup.network.classes)")
    }
    if state.recipe != recipe.yaml {
      say("The recipe has changed since the checkpoint was written; the run goes on with the recipe as it is now.")
    }
    say("Resuming after step \(state.step).\n")
    return state
  }

  /// The steps that are left; `after` becomes the evaluation of the last one, if it was due.
  private func train(_ state: inout Checkpoint, _ log: MetricsLog, _ after: inout Evaluation.Result?) throws {
    let steps = recipe.run.steps
    guard state.step < steps else { return }
    let batches = Prefetcher(setup.train, steps: state.step..<steps, threads: recipe.data.workers)
    let progress = Progress("training", total: steps, start: state.step)
    defer { progress.clear() }
    while let batch = try Profile.phase(.data, { try batches.next() }) {
      let values = try update(&state, batch)
      try log.add("step", step: state.step, values)
      progress.update(state.step, detail: Self.summary(values))
      after = nil
      let isLast = state.step == steps
      if isLast || (recipe.evaluation.every > 0 && state.step % recipe.evaluation.every == 0) {
        progress.clear()
        let result = try setup.evaluate(state.network, title: "measuring")
        try log.add("evaluation", step: state.step, setup.evaluation.event(result))
        after = result
        let score = setup.score(result)
        if score < state.best ?? .infinity {
          state.best = score
          try state.write(to: folder.best)
        }
      }
      let stops = isInterrupted()
      let isDue = recipe.run.checkpointEvery > 0 && state.step % recipe.run.checkpointEvery == 0
      if isLast || isDue || stops { try state.write(to: folder.last) }
      if stops && !isLast { throw RunEnd.interrupted(step: state.step, checkpoint: folder.last) }
    }
  }

  /// One update of the parameters. The state is untouched if it throws.
  private func update(_ state: inout Checkpoint, _ batch: Batch) throws -> [String: Any] {
    var random = state.random
    let outcome = try setup.step(
      state.network, batch.images, labels: batch.labels,
      targets: .shares(of: batch.targets, classes: state.network.classes, batch.images.scalarType),
      workers: setup.workers, random: &random)
    var values: [String: Any] = ["loss": outcome.total]
    for (name, value) in zip(objectiveNames, outcome.values) {
      values[name] = value
      if let value, !value.isFinite { throw diverged(state, "the objective \(name)") }
    }
    let (gradients, norm) = clipped(outcome.gradients, toNorm: recipe.optimizer.clipNorm)
    guard norm.isFinite else { throw diverged(state, "the gradient") }
    let rate = recipe.optimizer.schedule.rate(recipe.optimizer.rate, step: state.step, of: recipe.run.steps)
    var memory = state.optimizer
    let parameters = Profile.phase(.optimizer) {
      recipe.optimizer.optimizer.update(state.network.parameters, gradients, rate: rate, state: &memory)
    }
    guard parameters.allSatisfy(\.isFinite) else { throw diverged(state, "a parameter") }
    state.network = (outcome.statistics ?? state.network).with(parameters: parameters)
    (state.optimizer, state.random) = (memory, random)
    state.step += 1
    values["gradient_norm"] = norm
    values["rate"] = rate
    return values
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

  private static func summary(_ values: [String: Any]) -> String {
    ["loss", "cross_entropy", "binary_cross_entropy", "class_sensitivity"].compactMap { name in
      (values[name] as? Double).map { "\(name) \(decimal($0, 3))" }
    }.joined(separator: "  ")
  }
}
