import Formats
import Foundation
import Learning
import Logging
import Recipes

/// How a run goes on from its last checkpoint, also with a recipe that has changed since.
extension Trainer {
  func resume() throws -> Checkpoint {
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

  /// Adapts a checkpoint to the present recipe. If the recipe has changed since, the changes are reported, logged and
  /// saved.
  func updated(_ checkpoint: Checkpoint, _ log: MetricsLog?) throws -> Checkpoint {
    var state = checkpoint
    logger.info("Resuming after step \(state.step).\n", metadata: Self.at(state.step))
    guard state.recipe != recipe.yaml else { return state }
    // A recipe of an older version may contain values that are no longer valid; then it is unknown whether these values
    // have changed.
    let earlier = StoredRecipe(state.recipe, source: folder.last)
    let changes = recipe.changes(since: earlier.recipe).filter { earlier.isKnown($0.key) }
    if !earlier.problems.isEmpty {
      logger.warning(
        "Of the checkpoint's recipe this is not taken any more:\n\(earlier.problems.map { "  \($0)\n" }.joined())")
    }
    let lines =
      ["The recipe has changed since the checkpoint was written; the run goes on with the recipe as it is now."]
      + changes.map { "  \($0.key): \($0.old ?? "–") → \($0.new ?? "–")" }
    logger.info("\(lines.joined(separator: "\n"))\n", metadata: Self.at(state.step))
    if let memory = recipe.optimizer.rule.adopting(state.optimizer) {
      state.optimizer = memory
    } else {
      logger.warning("The optimizer is another one, and begins with nothing remembered.\n")
      state.optimizer = .init()
    }
    adoptRates(&state)
    if let average = recipe.optimizer.averaging, state.average != nil {
      if earlier.recipe.optimizer.averaging?.name != average.name {
        logger.warning("Weights are averaged in another way, and the average begins anew.\n")
        state.average = nil
      }
    } else {
      state.average = nil
    }
    let telling = changes.filter { !Recipe.keysWithoutEffect.contains($0.key) }
    if telling.contains(where: { change in Self.judging.contains { change.key.hasPrefix($0) } }) {
      state.ranking = try rankingAnew(state.ranking, upTo: state.step)
      // They are values of another loss.
      state.scores = []
    }
    if !telling.isEmpty {
      let values = telling.map { ($0.key, [$0.old ?? NSNull(), $0.new ?? NSNull()] as [Any]) }
      try log?.add("recipe", step: state.step, ["changes": Dictionary(values) { $1 }])
    }
    state.recipe = recipe.yaml
    if isFirst { try state.write(to: folder.last) }
    return state
  }

  /// Takes over the learned factors of the inner rate, or begins anew with those of the setup if they are of another kind.
  private func adoptRates(_ state: inout Checkpoint) {
    let own = setup.network.rateFactors
    guard state.network.rateFactors.map(\.shape) == own.map(\.shape) else {
      if !own.isEmpty || !state.network.rateFactors.isEmpty {
        logger.warning("Rates are learned in another way, and begin anew.\n")
      }
      state.network.rateFactors = own
      state.average = state.average.map { average in
        var network = average.network
        network.rateFactors = own
        return AveragedNetwork(network, count: average.count)
      }
      state.rateOptimizer = .init()
      return
    }
    state.rateOptimizer = recipe.optimizer.rule.adopting(state.rateOptimizer) ?? .init()
  }

  /// The sections of a recipe that affect the score of a network.
  private static let judging = ["model", "data", "inner", "saliency", "outer", "evaluation"]

  /// The ranking with scores of the present recipe. A network whose checkpoint is missing, or is of a step after `step`, to
  /// which the run goes back, is left out.
  private func rankingAnew(_ ranking: Ranking, upTo step: Int) throws -> Ranking {
    var files = ranking.entries.map { folder.best(step: $0.step) }
    if recipe.run.keepBest == 1 || files.isEmpty { files = [folder.best] }
    return Ranking(
      try files.compactMap { file in
        guard let best = (try? Checkpoint(contentsOf: file))?.converted(to: recipe.run.precision), best.step <= step
        else { return nil }
        let result = try setup.evaluate(best.result, title: "measuring the best so far")
        return Ranking.Entry(step: best.step, score: setup.score(result))
      })
  }
}
