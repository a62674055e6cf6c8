import Components
import Formats
import Foundation
import Recipes

/// The drawing of a Pareto front in SVG: two measures along the axes, a third one as the size of the marks. Points of the
/// front are filled and, for two measures, joined by the line that bounds what they reach.
struct FrontDrawing {
  /// A mark.
  struct Mark {
    let name: String
    /// The index of its recipe among all.
    let series: Int
    /// The estimates of the measures, and the place.
    let values: [Estimate]
    let x, y: Double
    let isOnFront: Bool
  }

  let columns: [SweepColumn]
  let marks: [Mark]
  /// The names of the series, which are the recipes.
  let series: [String]
  let baseline: [Estimate]?
  let x, y: Axis

  static let (width, plotHeight) = (440.0, 350.0)
  static let (left, right, top, bottom) = (50.0, 426.0, 24.0, 306.0)
  /// The number of colors in the style.
  static let colors = 6

  /// A drawing of a sweep's points; nil if its file names no measures, or no point has them.
  init?(_ results: SweepResults) {
    let columns = results.plan.file.pareto.map(results.column)
    let recipes = results.rows.map(\.point.recipe).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    func values(_ row: SweepResults.Row) -> [Estimate]? {
      let values = columns.compactMap { row.estimate($0.reference) }
      return values.count == columns.count && values.allSatisfy { abs($0.mean) < 1e100 } ? values : nil
    }
    let points = results.rows.indices.compactMap { index in
      results.isComparable(results.rows[index]) ? values(results.rows[index]).map { (index, $0) } : nil
    }
    guard columns.count >= 2, !points.isEmpty else { return nil }
    let x = Axis(points.map { $0.1[0] }, from: Self.left, to: Self.right)
    let y = Axis(points.map { $0.1[1] }, from: Self.bottom, to: Self.top)
    let front = results.front
    marks = points.map { index, values in
      let point = results.rows[index].point
      return Mark(
        name: point.name, series: recipes.firstIndex(of: point.recipe) ?? 0, values: values, x: x(values[0].mean),
        y: y(values[1].mean), isOnFront: front.contains(index))
    }
    (self.columns, self.x, self.y) = (columns, x, y)
    series = recipes.map(Paths.stem)
    baseline = results.baseline.flatMap(values)
  }

  /// A linear scale around all means, and around their intervals as long as these are not much wider than the range of the
  /// means.
  struct Axis {
    /// Round numbers in the range.
    let ticks: [Double]
    private let low, high, start, end: Double

    init(_ values: [Estimate], from start: Double, to end: Double) {
      let means = values.map(\.mean)
      let (least, most) = (means.min() ?? 0, means.max() ?? 0)
      let span = most > least ? most - least : max(abs(most), 1e-9)
      let margin = max(span / 12, min(values.compactMap(\.halfWidth).max() ?? 0, span / 2))
      let (low, high) = (least - margin, most + margin)
      ticks = Chart.ticks(low, high).filter { (low...high).contains($0) }
      (self.low, self.high, self.start, self.end) = (low, high, start, end)
    }

    /// The place of a value; that of the end of the axis for one beyond it.
    func callAsFunction(_ value: Double) -> Double {
      start + (end - start) * min(1, max(0, (value - low) / (high - low)))
    }
  }

  /// The drawing as a part of a page, whose style it uses.
  var html: String { "<svg class=front \(frame)>\(content)</svg>" }

  /// The drawing as a file of its own.
  var file: String {
    Ownership.drawingHead
      + "xmlns=\"http://www.w3.org/2000/svg\" font-family=\"system-ui, sans-serif\" \(size) \(frame)>"
      + "<style>\(Report.colors.replacing(":root", with: "svg"))\(Report.drawingStyle)</style>"
      + "<rect width=\"100%\" height=\"100%\" fill=\"var(--ground)\"></rect>\(content)</svg>\n"
  }

  /// The size of the file's drawing, for programs that place it without one of their own.
  private var size: String {
    "width=\"\(n(1.5 * Self.width))\" height=\"\(n(1.5 * (Self.plotHeight + legendHeight)))\""
  }

  private var frame: String {
    let title = columns.map(\.name).joined(separator: ", ")
    let best = marks.filter(\.isOnFront).map(\.name).joined(separator: ", ")
    return "viewBox=\"0 0 \(n(Self.width)) \(n(Self.plotHeight + legendHeight))\" role=\"img\" "
      + "aria-label=\"\("Pareto front of \(title): \(best)".escaped)\""
  }

  private var content: String { axes + guides + edge + seriesLines + bars + shapes + labels + legend }

  private var axes: String {
    let vertical = x.ticks.map { tick in
      line(x(tick), Self.top, x(tick), Self.bottom, "grid")
        + text(x(tick), Self.bottom + 16, columns[0].tick(tick), "middle")
    }
    let horizontal = y.ticks.map { tick in
      line(Self.left, y(tick), Self.right, y(tick), "grid")
        + text(Self.left - 6, y(tick) + 4, columns[1].tick(tick), "end")
    }
    return (vertical + horizontal).joined() + line(Self.left, Self.bottom, Self.right, Self.bottom, "grid")
      + line(Self.left, Self.top, Self.left, Self.bottom, "grid")
      + text(Self.right, Self.plotHeight - 10, columns[0].fullTitle, "end") + text(4, 14, columns[1].fullTitle, "start")
  }

  /// Lines at the baseline's values.
  private var guides: String {
    guard let baseline else { return "" }
    let (atX, atY) = (x(baseline[0].mean), y(baseline[1].mean))
    return line(atX, Self.top, atX, Self.bottom, "guide") + line(Self.left, atY, Self.right, atY, "guide")
  }

  /// The line between what the front's points reach and what no point does; empty for three measures.
  private var edge: String {
    let best = marks.filter(\.isOnFront).sorted { $0.x < $1.x }
    guard columns.count == 2, let first = best.first else { return "" }
    let (isXHigher, isYHigher) = (columns[0].isHigherBetter ?? true, columns[1].isHigherBetter ?? true)
    let worst = isYHigher ? Self.bottom : Self.top
    var path = isXHigher ? "M\(n(Self.left)),\(n(first.y))" : "M\(n(first.x)),\(n(worst))"
    for mark in best { path += isXHigher ? "V\(n(mark.y))H\(n(mark.x))" : "H\(n(mark.x))V\(n(mark.y))" }
    path += isXHigher ? "V\(n(worst))" : "H\(n(Self.right))"
    return "<path class=\"edge\" d=\"\(path)\"></path>"
  }

  /// A line through the points of each recipe that has several, if there are several recipes.
  private var seriesLines: String {
    guard series.count > 1 else { return "" }
    return series.indices.map { index in
      let points = marks.filter { $0.series == index }.sorted { $0.x < $1.x }.map { "\(n($0.x)),\(n($0.y))" }
      let style = "c\(index % Self.colors) raw"
      return points.count > 1
        ? "<polyline class=\"\(style)\" points=\"\(points.joined(separator: " "))\"></polyline>" : ""
    }.joined()
  }

  // MARK: - Parts

  /// A coordinate, rounded to a tenth.
  func n(_ value: Double) -> String { String(format: "%.1f", value) }

  func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> String {
    "<line class=\"\(style)\" x1=\"\(n(x1))\" y1=\"\(n(y1))\" x2=\"\(n(x2))\" y2=\"\(n(y2))\"></line>"
  }

  func text(_ x: Double, _ y: Double, _ words: String, _ anchor: String, _ style: String = "") -> String {
    "<text class=\"\(style)\" x=\"\(n(x))\" y=\"\(n(y))\" text-anchor=\"\(anchor)\">\(words.escaped)</text>"
  }

  /// An upper bound of a text's width.
  static func textWidth(_ text: String) -> Double { 7 * Double(text.count) }
}
