import Components
import Learning
import Networks
import Recipes
import Saliency

extension Setup {
  /// Checks everything in a recipe that its network or data could fail to support, so that a run does not fail midway.
  /// Throws a `RecipeError` for the first problem.
  static func check(
    _ recipe: Recipe, _ network: Network, _ evaluation: Evaluation, _ sizes: MemoryEstimate.Sizes, dataClasses: Int,
    trains: Bool
  ) throws {
    // Layer names do not depend on the image size, and a small image is fast.
    let side = max(64, network.architecture.smallestSide)
    let names = network.layerNames(
      height: min(side, sizes.validation.height), width: min(side, sizes.validation.width))
    let terms = recipe.outer.enumerated().map { ("outer.\($0).layers", $1.layers ?? []) }
    for (key, layers) in [
      ("saliency.layers", recipe.saliency.layers), ("evaluation.layers", recipe.evaluation.layers),
    ] + terms {
      for layer in layers where !names.contains(layer) {
        let hint =
          nearest(to: layer, among: names).map { "did you mean '\($0)'?" }
          ?? "there are \(names.joined(separator: ", "))"
        throw recipe.problem(key, "\(network.architecture) has no layer with locations named '\(layer)'; \(hint)")
      }
    }
    for layer in recipe.saliency.layers {
      if let reason = recipe.saliency.method.obstacle(at: layer, of: network) {
        throw recipe.problem("saliency.layers", reason)
      }
    }
    for (index, term) in recipe.outer.enumerated() where term.method != nil || term.layers != nil {
      for layer in term.layers ?? recipe.saliency.layers {
        if let reason = (term.method ?? recipe.saliency.method).obstacle(at: layer, of: network) {
          throw recipe.problem("outer.\(index).\(term.layers == nil ? "method" : "layers")", reason)
        }
      }
    }
    // The maps that objectives compare are measured too, at all layers and with all methods.
    for method in evaluation.measures.isEmpty ? [] : evaluation.methods {
      for layer in evaluation.layers {
        guard let reason = method.obstacle(at: layer, of: network) else { continue }
        let isStated = recipe.evaluation.methods.contains(method) && recipe.evaluation.layers.contains(layer)
        throw recipe.problem(
          "evaluation.layers",
          reason + (isStated ? "" : " (what section 'saliency' says is measured beside what section 'evaluation' says)")
        )
      }
    }
    let patterns =
      [("inner.parameters", recipe.inner?.parameters ?? [])]
      + [("optimizer.trainable", recipe.optimizer.parameters.trainable ?? [])]
      + recipe.optimizer.parameters.groups.enumerated().map { ("optimizer.groups.\($0).parameters", $1.parameters) }
    for (key, patterns) in patterns {
      for pattern in patterns where !network.parameterNames.contains(where: { $0.matches(pattern: pattern) }) {
        throw recipe.problem(key, "'\(pattern)' fits no parameter of \(network.architecture)")
      }
    }
    try checkClasses(recipe, network, evaluation, dataClasses: dataClasses)
    if trains { try checkTraining(recipe, network, sizes) }
  }

  /// Checks that the network and the data have as many classes as objectives and measures need.
  private static func checkClasses(
    _ recipe: Recipe, _ network: Network, _ evaluation: Evaluation, dataClasses: Int
  ) throws {
    for (index, term) in recipe.outer.enumerated() {
      let needs = term.objective.needs(recipe.maps(of: term))
      if let stated = needs.exactClasses, stated != network.classes {
        throw recipe.problem(
          "outer.\(index)",
          "\(term.objective.name) has weights for \(stated) classes, and the network has \(network.classes)")
      }
      guard term.weight != 0, needs.classes > network.classes else { continue }
      throw recipe.problem(
        "outer.\(index)",
        network.classes < 2
          ? "maps are held against those of another class, and the network has only one"
          : "\(term.objective.name) needs \(needs.classes) classes, and the network has \(network.classes)"
      )
    }
    let conditions = MeasureConditions(
      networkClasses: network.classes, dataClasses: dataClasses, images: recipe.evaluation.images)
    for measure in evaluation.measures {
      guard let reason = measure.obstacle(conditions) else { continue }
      throw recipe.problem("evaluation.measures", "\(measure.resultName) \(reason)")
    }
  }

  /// Checks what the first training steps need.
  private static func checkTraining(_ recipe: Recipe, _ network: Network, _ sizes: MemoryEstimate.Sizes) throws {
    let parameters = recipe.optimizer.parameters
    if parameters.frozen(of: network).count == network.parameterNames.count {
      throw recipe.problem(
        parameters.trainable == nil ? "optimizer.groups" : "optimizer.trainable",
        "every parameter is frozen, so that nothing would be trained")
    }
    if recipe.run.patience != nil && recipe.evaluation.every == 0 {
      throw recipe.problem("run.patience", "it counts the evaluations during a run, and evaluation.every is 0")
    }
    if recipe.optimizer.schedule.usesScores && recipe.evaluation.every == 0 {
      throw recipe.problem(
        "optimizer.schedule",
        "\(recipe.optimizer.schedule.name) follows the evaluations during a run, and evaluation.every is 0")
    }
    for (index, term) in recipe.outer.enumerated() where term.schedule?.usesScores == true {
      throw recipe.problem(
        "outer.\(index).schedule", "a weight follows the steps of a run, and not its evaluations")
    }
    let (dropping, places) = (recipe.model.dropping, network.dropPlaces)
    for (key, rate, isThere, what) in [
      ("dropout", dropping.dropout, places.dropout, "dropout layers"),
      ("stochastic_depth", dropping.stochasticDepth, places.stochasticDepth, "blocks with stochastic depth"),
    ] where rate != .none && !isThere {
      throw recipe.problem("model.\(key)", "\(network.architecture) has no \(what)")
    }
    if dropping.isOn,
      !recipe.outer.contains(where: { $0.weight != 0 && $0.objective.needs(recipe.maps(of: $0)).normalizesAsTraining })
    {
      throw recipe.problem(
        dropping.dropout == .none ? "model.stochastic_depth" : "model.dropout",
        "only task losses leave out something at random, and the outer loss has none")
    }
    let (height, width) = sizes.training
    let least = network.architecture.smallestSide
    guard min(height, width) >= least else {
      throw recipe.problem(
        "data.augmentation",
        "training images of \(width)×\(height) pixels, but \(network.architecture) needs at least \(least)×\(least)")
    }
    for term in recipe.outer where term.weight != 0 {
      let needed = term.objective.needs(recipe.maps(of: term)).images
      guard recipe.data.batch < needed else { continue }
      throw recipe.problem(
        "data.batch",
        "\(term.objective.name) compares images of a batch, so that it needs at least \(needed), and there is \(recipe.data.batch)"
      )
    }
    guard recipe.model.batchNorm == .train, recipe.data.batch == 1 else { return }
    for step in network.trace(height: height, width: width).steps {
      guard step.operation is BatchNorm, step.shape.dropLast().reduce(1, *) == 1 else { continue }
      throw recipe.problem(
        "data.batch",
        "\(step.name) sees one location of one image, which has no variance; `batch_norm: train` needs more than one image"
      )
    }
  }
}
