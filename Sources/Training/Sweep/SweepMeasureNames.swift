import Components
import Recipes
import Saliency

extension SweepPlan {
  /// Problems with the measures that the sweep file names: those that no run has, and those without a direction where
  /// one is needed.
  func misnamed() -> [RecipeError.Problem] {
    let compared = file.pareto.map { ("pareto", $0) } + (file.halving.map { [("halving.measure", $0.measure)] } ?? [])
    let shown = (file.columns ?? []).map { ("columns", $0) }
    return (compared + shown).compactMap { key, reference in
      if let message = obstacle(to: reference) { return file.problem(key, message) }
      guard key != "columns", case .some(.none) = directions[reference.measure] else { return nil }
      return file.problem(key, "neither higher nor lower values of '\(reference.measure)' are better")
    }
  }

  /// Why no run has a number; nil if some run has it, as far as recipes say.
  private func obstacle(to reference: MeasureReference) -> String? {
    var nearby: [String] = []
    for run in runs {
      let recipes = run.measures.isEmpty ? [run.recipe] : run.measures.map(\.recipe)
      for recipe in recipes {
        guard let map = reference.map else {
          if MeasureReference.networkMeasures.contains(where: { $0.name == reference.measure }) { return nil }
          continue
        }
        let isChosenByRun = run.measures.isEmpty && !recipe.statesMeasures
        let measures = recipe.evaluation.measures + (isChosenByRun ? MapGuards.candidates : [])
        for measure in measures where !nearby.contains(measure.resultName) { nearby.append(measure.resultName) }
        if measures.contains(where: { $0.resultName == reference.measure }),
          recipe.measuredMethods.contains(map.method),
          recipe.measuredLayers.contains(map.layer),
          map.weights == .plain || recipe.evaluation.virtualRate != nil
        {
          return nil
        }
      }
    }
    let names = reference.map == nil ? MeasureReference.networkMeasures.map(\.name) : nearby
    guard !names.contains(reference.measure) else {
      return "no run is measured by '\(reference)': its method, layer and weights are not evaluated"
    }
    if reference.map == nil, nearby.contains(reference.measure) || directions[reference.measure] != nil {
      return "'\(reference.measure)' is about maps; state a method and a layer, too"
    }
    let hint = nearest(to: reference.measure, among: names).map { "; did you mean '\($0)'?" } ?? ""
    return "no run is measured by '\(reference.measure)', but by \(names.joined(separator: ", "))\(hint)"
  }
}
