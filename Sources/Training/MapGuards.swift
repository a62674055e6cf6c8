import Datasets
import Learning
import Networks
import Recipes
import Saliency

/// Guards against outer losses whose maps get better by number only: a low correlation of two maps can be had from
/// noise, so that what is trained on maps is also measured by where they lie and by what the network needs.
enum MapGuards {
  /// All measures that may be added to an evaluation.
  static let candidates: [any Measure] =
    [Energy(), Energy(explain: .all)] + grids + [BorderShare(), Deletion()]

  private static let grids: [any Measure] = [GridPointing(), GridPointing(rows: 1, columns: 2)]

  /// The measures of an evaluation, and what is to be said about them.
  ///
  /// If the recipe does not state measures and the outer loss asks something of maps, a localization measure that the
  /// data allow, the border share and deletion are added to the default measures. If it does state measures, they are
  /// kept, and a note says what is missing.
  ///
  /// - Parameters:
  ///   - recipe: the recipe.
  ///   - step: the meta step with the recipe's objectives.
  ///   - hasObjects: whether validation images have annotated objects.
  ///   - hasSeveralObjectClasses: whether they have objects of classes other than their label.
  ///   - conditions: the conditions of the evaluation.
  /// - Returns: the measures, and notes for the user.
  static func measures(
    _ recipe: Recipe, _ step: MetaStep, hasObjects: Bool, hasSeveralObjectClasses: Bool, _ conditions: MeasureConditions
  ) -> (measures: [any Measure], notes: [String]) {
    let stated = recipe.evaluation.measures
    guard step.demandsMaps else { return (stated, []) }
    guard !recipe.statesMeasures else { return (stated, missing(in: stated).map { [$0] } ?? []) }
    let localization: [any Measure] =
      hasObjects
      ? [Energy(explain: hasSeveralObjectClasses ? .all : .label)]
      : grids.filter { $0.obstacle(conditions) == nil }
    let added: [any Measure] = Array(localization.prefix(1)) + [BorderShare(), Deletion()]
    return (
      stated + added,
      [
        "The recipe does not state 'evaluation.measures'. Because its objectives are about maps, "
          + "\(added.map(\.resultName).joined(separator: ", ")) are measured too."
      ]
    )
  }

  /// A note about an outer loss that asks only that maps differ; nil if there is none.
  static func note(_ step: MetaStep) -> String? {
    let names = step.objectivesWithoutPlace
    guard let first = names.first else { return nil }
    return
      "\(names.count == 1 ? "\(first) asks" : "\(names.joined(separator: ", ")) ask") only that maps differ, and no "
      + "objective says where a map should lie. A low correlation can be had from noise, or from maps at the image's "
      + "border, without any sense of the class. Add an objective that says where, such as competition or cell_share, "
      + "and look at measures of localization, border_share and deletion."
  }

  /// A note about a virtual update that moves nothing but the network's head; nil if it moves more, or if there is none.
  static func note(on update: InnerUpdate?, _ network: Network) -> String? {
    guard let update, let patterns = update.parameters else { return nil }
    let moving = zip(network.parameterNames, update.moves(network)).filter(\.1).map(\.0)
    guard moving.allSatisfy({ $0.hasPrefix(network.head + ".") }) else { return nil }
    return
      "inner.parameters (\(patterns.joined(separator: ", "))) moves the head alone, \(network.head). Such an update leaves every "
      + "activation as it is, and before global average pooling and a linear head it changes the gradient by the same at all "
      + "locations, so that maps there do not become more class-sensitive. Name parameters of the trunk too, or leave "
      + "inner.parameters out."
  }

  private static func missing(in measures: [any Measure]) -> String? {
    let aspects = measures.compactMap(\.aspect)
    let lacking =
      (aspects.contains(.localization) ? [] : ["of localization, such as grid_pointing, canvas_pointing or energy"])
      + (aspects.contains(.faithfulness) ? [] : ["of what the network needs, such as deletion"])
    guard !lacking.isEmpty else { return nil }
    return
      "The objectives are about maps, and 'evaluation.measures' has no measure \(lacking.joined(separator: ", and none ")). "
      + "Numbers of class sensitivity alone do not tell a good map from noise."
  }
}
