import Components
import Formats
import Foundation
import Recipes

/// The HTML page of a sweep: a single file that contains everything but the runs' folders, to which it links.
struct SweepPage {
  private let results: SweepResults
  private var plan: SweepPlan { results.plan }

  init(_ results: SweepResults) { self.results = results }

  /// The page.
  var html: String {
    get throws {
      let (points, seeds) = (plan.file.points.count, plan.file.seeds.count)
      let finished = results.rows.reduce(0) { $0 + $1.runs.count }
      let sentence =
        "\(points) points with \(seeds == 1 ? "1 seed" : "\(seeds) seeds") each; \(finished) finished runs are shown."
      let comment = Self.comment(of: plan.path)
      return Report.page(
        "Sweep \(Paths.stem(of: plan.path))", comment.isEmpty ? sentence : "\(comment) \(sentence)",
        [recipes, table, front, measures, unfinished, try maps, file])
    }
  }

  /// What is compared, if there are several recipes: the comment on top of each.
  private var recipes: String {
    let paths = plan.file.points.map(\.recipe).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    guard paths.count > 1 else { return "" }
    let items = paths.map { path in
      "<dt>\(Paths.stem(of: path).escaped)</dt><dd>\(Self.comment(of: path).escaped)</dd>"
    }
    return Report.section("What is compared", "<dl>\(items.joined(separator: "\n"))</dl>")
  }

  private static func text(of path: String) -> String {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  /// The comment on top of a YAML file.
  private static func comment(of path: String) -> String {
    text(of: path).split(separator: "\n", omittingEmptySubsequences: false).prefix { $0.hasPrefix("#") }
      .map { $0.drop { "# ".contains($0) } }.joined(separator: " ")
  }

  // MARK: - Tables

  /// The main table.
  private var table: String {
    guard !results.rows.isEmpty else { return Report.section("Results", "<p>No run is finished yet.</p>") }
    let (columns, front, baseline) = (results.columns, results.front, results.baseline)
    let compared = results.rows.filter(results.isComparable)
    let best = columns.map { column in column.best(compared.map { $0.estimate(column.reference) }) }
    let halves = plan.file.halving != nil
    let rows = results.rows.enumerated().map { index, row in
      let cells = zip(columns, best).map { column, best in
        cell(row, column, isBest: results.isComparable(row) && compared.count > 1 ? best : nil)
      }
      let mark = front.contains(index) ? "●&nbsp;" : ""
      return ["\(mark)\(breakable(row.point.name))", links(row)] + (halves ? [row.runs[0].run.length.escaped] : [])
        + cells
        + (baseline.map { [difference(row, to: $0)] } ?? [])
    }
    let heads =
      ["point", "runs by seed"] + (halves ? ["length"] : []) + columns.map(head)
      + (baseline.map { ["accuracy, %<br><small>difference to \($0.point.name.escaped)</small>"] } ?? [])
    return Report.section(
      "Results",
      "<p>\(results.legend.escaped) Bold: the best of a column.</p>"
        + Report.table(heads, rows, words: 1, style: "points"))
  }

  /// A name that may be broken between its parts.
  private func breakable(_ name: String) -> String { name.escaped.replacing("_", with: "_<wbr>") }

  private func head(_ column: SweepColumn) -> String {
    column.title.escaped + (column.map.isEmpty ? "" : "<br><small>\(column.map.escaped)</small>")
  }

  private func cell(_ row: SweepResults.Row, _ column: SweepColumn, isBest best: String?) -> String {
    let (mean, halfWidth) = column.parts(row.estimate(column.reference))
    return (mean == best ? "<b>\(mean)</b>" : mean) + (halfWidth.map { " <small>± \($0)</small>" } ?? "")
      + (row.hasGaps(column.reference) ? "*" : "")
  }

  /// The difference of a row's accuracy to the baseline's.
  private func difference(_ row: SweepResults.Row, to baseline: SweepResults.Row) -> String {
    let accuracy = results.column(MeasureReference("accuracy"))
    return results.isBaseline(row) ? "" : accuracy.difference(row.difference(to: baseline, accuracy.reference)).escaped
  }

  /// Links to the folders of a row's runs.
  private func links(_ row: SweepResults.Row) -> String {
    row.runs.map { run, _ in
      let path = run.name.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? run.name
      return "<a href=\"\(path.escaped)/\">\(run.seed)</a>"
    }.joined(separator: " ")
  }

  /// Everything that was measured: a table for each measure with a column for each point.
  private var measures: String {
    let references = results.references.filter { $0.map != nil }
    let names = references.map(\.measure).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    guard !names.isEmpty else { return "" }
    let tables = names.map { name in
      let own = references.filter { $0.measure == name }.map(results.column)
      let rows = results.rows.filter(results.isComparable).filter { row in
        own.contains { row.estimate($0.reference) != nil }
      }
      let cells = own.map { column in
        let best = rows.count > 1 ? column.best(rows.map { $0.estimate(column.reference) }) : nil
        return [column.map.escaped] + rows.map { cell($0, column, isBest: best) }
      }
      let heads = ["method and layer"] + rows.map { breakable($0.point.name) }
      return "<details><summary>\((own.first?.title ?? name).escaped)</summary>"
        + "<p>\((plan.explanation(of: name) ?? "").escaped)</p>"
        + Report.table(heads, cells, words: 1, style: "points") + "</details>"
    }
    return Report.section("All measures", tables.joined(separator: "\n"))
  }

  // MARK: - Drawings

  private var front: String {
    guard let drawing = FrontDrawing(results) else { return "" }
    return Report.section(
      "Pareto front",
      "<p>No point is better than one of the front in one of its measures and as good in all. A mark says its name and its "
        + "numbers when you point at it.</p>"
        + drawing.html)
  }

  /// Figures of the same images by some points: the baseline, those on the front, and then others.
  private var maps: String {
    get throws {
      let baseline = results.rows.firstIndex { $0.point.name == plan.file.baseline }
      let order = (baseline.map { [$0] } ?? []) + results.front.sorted() + results.rows.indices
      let shown = order.reduce(into: [Int]()) { if !$0.contains($1) { $0.append($1) } }
        .compactMap { results.rows[$0].runs.first?.run }.filter { !$0.folder.figureFiles.isEmpty }.prefix(Self.mostMaps)
      guard let first = shown.first else { return "" }
      let images = first.folder.figureFiles.prefix(Self.mostImages).map { Paths.name(of: $0) }
      let rows = try images.map { image in
        let figures = try shown.filter { $0.folder.figureFiles.contains($0.folder.figures + "/" + image) }.map { run in
          let data = try Files.read(run.folder.figures + "/" + image, inside: run.folder.path).base64EncodedString()
          let title = "\(Paths.stem(of: image)): \(run.name)".escaped
          return "<figure><figcaption>\(title)</figcaption>"
            + "<img src=\"data:image/png;base64,\(data)\" alt=\"Maps of \(title), before and after\"></figure>"
        }
        return "<div class=\"scroll maps\" tabindex=0>\(figures.joined(separator: "\n"))</div>"
      }
      return Report.section("Maps", rows.joined(separator: "\n"))
    }
  }

  private static let (mostMaps, mostImages) = (4, 2)

  // MARK: - The rest

  private var unfinished: String {
    guard !results.unfinished.isEmpty else { return "" }
    let items = results.unfinished.map { run, message in
      "<li>\(run.name.escaped)\(message.map { ": \($0.escaped)" } ?? "")</li>"
    }
    return Report.section("Not finished", "<ul>\(items.joined(separator: "\n"))</ul>")
  }

  private var file: String {
    let text = FileManager.default.contents(atPath: plan.path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    return
      "<section><details><summary>The sweep file</summary><div class=scroll tabindex=0><pre>\(text.escaped)</pre></div>"
      + "</details></section>"
  }
}
