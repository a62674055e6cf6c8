import Foundation
import Recipes

/// How the means of a measure are shown.
struct SweepColumn {
  let reference: MeasureReference
  let isHigherBetter: Bool?

  /// Whether values are shares that are shown in percent.
  private var isPercent: Bool {
    ["accuracy", "top_five_accuracy", "mean_average_precision"].contains(reference.measure)
  }

  /// The measure's name with the direction in which it is better.
  var title: String { "\(words)\(isPercent ? ", %" : "")\(arrow)" }

  /// The measure's name in words.
  var words: String { reference.measure.replacing("_", with: " ").replacing("cross entropy", with: "cross-entropy") }

  /// The map's method, layer and weights; empty for a number of the network.
  var map: String {
    reference.map.map { "\($0.method) \($0.layer)" + ($0.weights == .plain ? "" : ", virtual") } ?? ""
  }

  /// The measure and the map in words.
  var name: String { map.isEmpty ? words : "\(words) of \(map)" }

  /// The whole title on one line.
  var fullTitle: String { map.isEmpty ? title : name + arrow }

  private var arrow: String { isHigherBetter.map { $0 ? "\u{a0}↑" : "\u{a0}↓" } ?? "" }

  /// A number beside an axis.
  func tick(_ value: Double) -> String {
    let shown = isPercent ? 100 * value : value
    return abs(shown) < 1e-12 ? "0" : String(format: "%.4g", shown)
  }

  /// A number as it is shown.
  func number(_ value: Double) -> String { decimal(isPercent ? 100 * value : value, isPercent ? 1 : 3) }

  /// A mean, and half the width of its interval if there is one.
  func parts(_ estimate: Estimate?) -> (mean: String, halfWidth: String?) {
    guard let estimate else { return ("–", nil) }
    return (number(estimate.mean), estimate.halfWidth.map(number))
  }

  /// A mean with half the width of its interval.
  func cell(_ estimate: Estimate?, hasGaps: Bool = false) -> String {
    let (mean, halfWidth) = parts(estimate)
    return mean + (halfWidth.map { " ± \($0)" } ?? "") + (hasGaps ? "*" : "")
  }

  /// A difference of means with half the width of its interval.
  func difference(_ estimate: Estimate?) -> String {
    (estimate.map { $0.mean > 0 ? "+" : "" } ?? "") + cell(estimate)
  }

  /// The best of some means, as they are shown; nil if neither direction is better.
  func best(_ estimates: [Estimate?]) -> String? {
    guard let isHigherBetter else { return nil }
    let means = estimates.compactMap(\.self).map(\.mean)
    return (isHigherBetter ? means.max() : means.min()).map(number)
  }
}
