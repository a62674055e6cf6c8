import Formats
import Foundation
import Recipes
import Saliency

/// The numbers of a finished run.
struct SweepValues {
  /// The means, by what was measured.
  private(set) var means: [MeasureReference: Double] = [:]
  /// What some images have no value of.
  private(set) var gaps: Set<MeasureReference> = []
  /// The order in which the evaluations have them.
  private(set) var order: [MeasureReference] = []

  /// Reads the numbers of a run; nil if it is not finished.
  init?(_ run: SweepRun) throws {
    guard case .finished = try run.state() else { return nil }
    let evaluations = SweepRecord(run.record).evaluations
    for text in run.measures.isEmpty ? [""] : run.measures.map(\.text) { add(evaluations[text] ?? [:]) }
  }

  /// The numbers of one evaluation, as JSON has them.
  init(_ evaluation: [String: Any]) { add(evaluation) }

  /// The mean of a measure; nil if it was not measured, or no image has a value.
  subscript(_ reference: MeasureReference) -> Double? { means[reference] }

  private mutating func add(_ evaluation: [String: Any]) {
    for (name, _) in MeasureReference.networkMeasures {
      if let value = evaluation[name] as? NSNumber { set(MeasureReference(name), value.doubleValue) }
    }
    for (measure, value) in evaluation.sorted(by: { $0.key < $1.key }) {
      for entry in value as? [[String: Any]] ?? [] {
        guard let method = (entry["method"] as? String).flatMap(Method.init), let layer = entry["layer"] as? String,
          let weights = (entry["weights"] as? String).flatMap(MapWeights.init)
        else { continue }
        let reference = MeasureReference(measure, .init(method: method, layer: layer, weights: weights))
        set(reference, (entry["mean"] as? NSNumber)?.doubleValue)
        if let undefined = entry["undefined"] as? NSNumber, undefined.intValue > 0 { gaps.insert(reference) }
      }
    }
  }

  private mutating func set(_ reference: MeasureReference, _ value: Double?) {
    guard means[reference] == nil else { return }
    if !order.contains(reference) { order.append(reference) }
    means[reference] = value
  }
}
