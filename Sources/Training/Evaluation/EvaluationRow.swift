import Foundation

/// A number of an evaluation, as a row of a table: the mean of a measure over images, or a value of the network itself.
struct EvaluationRow {
  /// The name of the measure, or of the value.
  let measure: String
  /// The method, the layer and the kind of weights of the maps; nil where the value is not about such.
  var method, layer, weights: String?
  var mean, std: Double?
  /// The 95% interval of the mean.
  var interval: [Double] = []
  /// The number of images, and of those without a value, with the reasons.
  var images, undefined: Int?
  var reasons: [String: Int] = [:]

  /// The names of the columns.
  static let head = "measure,method,layer,weights,mean,std,low,high,images,undefined,reasons"

  /// The row as a line of CSV.
  var csv: String {
    let numbers = [mean, std, interval.first, interval.last].map { $0.map { "\($0)" } ?? "" }
    let counts = [images, undefined].map { $0.map { "\($0)" } ?? "" }
    let reasons = reasons.sorted { $0.key < $1.key }.map { "\($0.key) (\($0.value))" }.joined(separator: "; ")
    return ([measure, method ?? "", layer ?? "", weights ?? ""] + numbers + counts + [reasons]).csv
  }

  /// The rows of an evaluation's event in `metrics.jsonl`; see `Evaluation.event(_:)`.
  static func rows(of event: [String: Any]) -> [EvaluationRow] {
    let images = (event["images"] as? NSNumber)?.intValue
    return event.filter { !["event", "step", "images"].contains($0.key) }.sorted { $0.key < $1.key }.flatMap {
      name, value -> [EvaluationRow] in
      switch value {
      case let cells as [[String: Any]]: return cells.flatMap { rows(of: $0, name) }
      case let layers as [String: NSNumber]:
        return layers.sorted { $0.key < $1.key }.map {
          EvaluationRow(measure: name, layer: $0.key, mean: $0.value.doubleValue, images: images)
        }
      case let number as NSNumber: return [EvaluationRow(measure: name, mean: number.doubleValue, images: images)]
      default: return []
      }
    }
  }

  /// The row of a measure's cell, and one for each further number in it.
  private static func rows(of cell: [String: Any], _ measure: String) -> [EvaluationRow] {
    func number(_ key: String) -> Double? { (cell[key] as? NSNumber)?.doubleValue }
    var row = EvaluationRow(
      measure: measure, method: cell["method"] as? String, layer: cell["layer"] as? String,
      weights: cell["weights"] as? String)
    let further = cell.filter { !known.contains($0.key) }.sorted { $0.key < $1.key }.compactMap { key, value in
      (value as? NSNumber).map { value in
        EvaluationRow(
          measure: "\(measure).\(key)", method: row.method, layer: row.layer, weights: row.weights,
          mean: value.doubleValue)
      }
    }
    (row.mean, row.std) = (number("mean"), number("std"))
    row.interval = (cell["interval"] as? [NSNumber] ?? []).map(\.doubleValue)
    (row.images, row.undefined) = (number("images").map { Int($0) }, number("undefined").map { Int($0) })
    row.reasons = (cell["reasons"] as? [String: NSNumber] ?? [:]).mapValues(\.intValue)
    return [row] + further
  }

  private static let known: Set = [
    "method", "layer", "weights", "mean", "std", "interval", "images", "undefined", "reasons",
  ]
}

extension [String] {
  /// The texts as the fields of a line of CSV (RFC 4180).
  var csv: String {
    map { field in
      // Scalars, since a line break of two characters is one of Swift's.
      field.unicodeScalars.contains(where: { ",\"\r\n".unicodeScalars.contains($0) })
        ? "\"\(field.replacing("\"", with: "\"\""))\"" : field
    }.joined(separator: ",")
  }
}
