import Formats
import Foundation
import Recipes

extension SweepResults {
  /// The main table as text, and what is not finished.
  ///
  /// - Parameter width: the number of characters in a line; nil for a table in one piece.
  /// - Returns: lines for the user.
  func text(width: Int? = nil) -> String {
    let table = rows.isEmpty ? nil : self.table
    var parts =
      table.map { [width.map($0.text) ?? $0.description, legend.folded(to: width ?? 100)] } ?? [
        "No run is finished yet."
      ]
    if !unfinished.isEmpty {
      let lines = unfinished.map { "  \($0.run.name)\($0.message.map { ": \($0)" } ?? "")" }
      parts.append("Not finished:\n" + lines.joined(separator: "\n"))
    }
    return parts.joined(separator: "\n\n")
  }

  /// The main table: a row for each point or, where measures are many and points are fewer, a column.
  private var table: Table {
    let (columns, front, baseline) = (columns, front, baseline)
    let accuracy = column(MeasureReference("accuracy"))
    var lines = [["runs"] + rows.map { "\($0.runs.count)/\(plan.file.seeds.count)" }]
    if plan.file.halving != nil { lines.append(["length"] + rows.map { $0.runs[0].run.length }) }
    for column in columns {
      let reference = column.reference
      lines.append(
        [column.map.isEmpty ? column.title : "\(column.title) \(column.map)"]
          + rows.map { column.cell($0.estimate(reference), hasGaps: $0.hasGaps(reference)) })
    }
    if let baseline {
      let differences = rows.map { row in
        isBaseline(row) ? "" : accuracy.difference(row.difference(to: baseline, accuracy.reference))
      }
      lines.append(["accuracy − \(baseline.point.name)"] + differences)
    }
    if !plan.file.pareto.isEmpty { lines.append(["front"] + rows.indices.map { front.contains($0) ? "●" : "" }) }
    let names = ["point"] + rows.map(\.point.name)
    guard columns.count <= max(4, rows.count) else {
      var table = Table(names, leftAligned: 1)
      for line in lines { table.add(line) }
      return table
    }
    var table = Table(["point"] + lines.map { $0[0] }, leftAligned: 1)
    for index in rows.indices { table.add([names[index + 1]] + lines.map { $0[index + 1] }) }
    return table
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
