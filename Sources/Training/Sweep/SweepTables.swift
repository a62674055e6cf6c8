import Formats
import Foundation
import Recipes

extension SweepResults {
  /// The main table as text, and what is not finished.
  var text: String {
    let (columns, front, baseline) = (columns, front, baseline)
    let accuracy = column(MeasureReference("accuracy"))
    let halves = plan.file.halving != nil
    var table = Table(
      ["point", "runs"] + (halves ? ["length"] : [])
        + columns.map { $0.map.isEmpty ? $0.title : "\($0.title) \($0.map)" }
        + (baseline == nil ? [] : ["accuracy − \(baseline?.point.name ?? "")"])
        + (plan.file.pareto.isEmpty ? [] : ["front"]),
      leftAligned: 1)
    for (index, row) in rows.enumerated() {
      table.add(
        [row.point.name, "\(row.runs.count)/\(plan.file.seeds.count)"] + (halves ? [row.runs[0].run.length] : [])
          + columns.map { $0.cell(row.estimate($0.reference), hasGaps: row.hasGaps($0.reference)) }
          + (baseline.map { [accuracy.difference(row.difference(to: $0, accuracy.reference))] } ?? [])
          + (plan.file.pareto.isEmpty ? [] : [front.contains(index) ? "●" : ""]))
    }
    var parts = rows.isEmpty ? ["No run is finished yet."] : [table.description, legend.folded(to: 100)]
    if !unfinished.isEmpty {
      parts.append(
        "Not finished:\n"
          + unfinished.map { "  \($0.run.name)\($0.message.map { ": \($0)" } ?? "")" }.joined(separator: "\n"))
    }
    return parts.joined(separator: "\n\n")
  }

  /// What the numbers of a table are.
  var legend: String {
    let most = rows.map(\.runs.count).max() ?? 0
    let gaps = rows.contains { row in row.runs.contains { !$0.values.gaps.isEmpty } }
    return
      (most > 1
      ? "Means over seeds ± half the width of their 95% intervals (Student's t). "
      : "")
      + "↑: higher is better, ↓: lower is better."
      + (plan.file.pareto.isEmpty
        ? "" : " ●: on the Pareto front of \(plan.file.pareto.map { column($0).name }.joined(separator: ", ")).")
      + (gaps ? " *: some images have no value, and the mean is that of the others." : "")
  }

  /// Everything that was measured as CSV: a row for each point and measure.
  var csv: String {
    let front = front
    var lines = [Ownership.tableHead + "point,rung,mean,half_width,runs,front"]
    for reference in references {
      for (index, row) in rows.enumerated() {
        guard let estimate = row.estimate(reference) else { continue }
        let map = reference.map.map { ["\($0.method)", $0.layer, $0.weights.rawValue] } ?? ["", "", ""]
        let halfWidth = estimate.halfWidth.map { "\($0)" } ?? ""
        lines.append(
          ([reference.measure] + map + [
            row.point.name, row.rung.map { "\($0)" } ?? "", "\(estimate.mean)", halfWidth, "\(estimate.count)",
            front.contains(index) ? "1" : "0",
          ]).joined(separator: ","))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
