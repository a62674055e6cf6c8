import Foundation
import Recipes

/// The drawing of a Pareto front in SVG: two measures along the axes, a third one as the size of the marks. Points of the
/// front are filled and, for two measures, joined by the line that bounds what they reach.
struct FrontDrawing {
  /// A mark.
  struct Mark {
    let name: String
    let series: Int
    let values: [Estimate]
    let isOnFront: Bool
  }

  private let columns: [SweepColumn]
  private let marks: [Mark]
  /// The names of the series, which are the recipes.
  private let series: [String]
  private let baseline: [Estimate]?
  private let x, y: Axis

  private static let (width, plotHeight) = (520.0, 380.0)
  private static let (left, right, top, bottom) = (56.0, 14.0, 24.0, 44.0)

  /// A drawing of a sweep's points; nil if its file names no measures, or no point has them.
  init?(_ results: SweepResults) {
    let columns = results.plan.file.pareto.map(results.column)
    let front = results.front
    let recipes = results.rows.map(\.point.recipe).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    func values(_ row: SweepResults.Row) -> [Estimate]? {
      let values = columns.compactMap { row.estimate($0.reference) }
      return values.count == columns.count && values.allSatisfy { abs($0.mean) < 1e100 } ? values : nil
    }
    let marks = results.rows.enumerated().compactMap { index, row -> Mark? in
      guard results.isComparable(row), let values = values(row) else { return nil }
      return Mark(
        name: row.point.name, series: recipes.firstIndex(of: row.point.recipe) ?? 0, values: values,
        isOnFront: front.contains(index))
    }
    guard columns.count >= 2, !marks.isEmpty else { return nil }
    self.columns = columns
    self.marks = marks
    series = recipes.map { ($0 as NSString).lastPathComponent.replacing(".yaml", with: "") }
    baseline = results.baseline.flatMap(values)
    func ends(_ index: Int) -> [Double] {
      marks.flatMap { mark in [-1, 1].map { mark.values[index].mean + $0 * (mark.values[index].halfWidth ?? 0) } }
    }
    x = Axis(ends(0), from: Self.left, to: Self.width - Self.right)
    y = Axis(ends(1), from: Self.plotHeight - Self.bottom, to: Self.top)
  }

  /// A linear scale whose ends are round numbers around all values.
  private struct Axis {
    let ticks: [Double]
    let start, end: Double

    init(_ values: [Double], from start: Double, to end: Double) {
      ticks = Chart.ticks(values.min() ?? 0, values.max() ?? 1)
      (self.start, self.end) = (start, end)
    }

    func callAsFunction(_ value: Double) -> Double {
      let (low, high) = (ticks[0], ticks[ticks.count - 1])
      return start + (end - start) * (value - low) / (high > low ? high - low : 1)
    }
  }

  // MARK: - SVG

  /// The drawing as a part of a page, whose style it uses.
  var html: String { "<svg class=front \(frame)>\(content)</svg>" }

  /// The drawing as a file of its own.
  var file: String {
    // The mark of `Ownership` is the first line.
    "<!-- metasal -->\n<svg xmlns=\"http://www.w3.org/2000/svg\" font-family=\"system-ui, sans-serif\" \(frame)>"
      + "<style>\(Report.colors.replacing(":root", with: "svg"))\(Report.drawingStyle)</style>"
      + "<rect width=\"100%\" height=\"100%\" fill=\"var(--ground)\"></rect>\(content)</svg>\n"
  }

  private var frame: String {
    let title = columns.map(\.fullTitle).joined(separator: ", ")
    let best = marks.filter(\.isOnFront).map(\.name).joined(separator: ", ")
    return "viewBox=\"0 0 \(n(Self.width)) \(n(Self.plotHeight + legendHeight))\" role=\"img\" "
      + "aria-label=\"\("Pareto front of \(title): \(best)".escaped)\""
  }

  private var content: String {
    axes + guides + frontLine + seriesLines + marks.map(bars).joined()
      + marks.sorted { !$0.isOnFront && $1.isOnFront }.map(shape).joined() + labels + legend
  }

  private var axes: String {
    let floor = Self.plotHeight - Self.bottom
    let vertical = x.ticks.map { tick in
      line(x(tick), Self.top, x(tick), floor, "grid") + text(x(tick), floor + 16, columns[0].tick(tick), "middle")
    }
    let horizontal = y.ticks.map { tick in
      line(Self.left, y(tick), Self.width - Self.right, y(tick), "grid")
        + text(Self.left - 6, y(tick) + 4, columns[1].tick(tick), "end")
    }
    return (vertical + horizontal).joined()
      + text((Self.left + Self.width - Self.right) / 2, Self.plotHeight - 8, columns[0].fullTitle, "middle")
      + text(4, 14, columns[1].fullTitle, "start")
  }

  /// Lines at the baseline's values.
  private var guides: String {
    guard let baseline else { return "" }
    let (right, floor) = (Self.width - Self.right, Self.plotHeight - Self.bottom)
    let (atX, atY) = (x(baseline[0].mean), y(baseline[1].mean))
    return line(atX, Self.top, atX, floor, "guide") + line(Self.left, atY, right, atY, "guide")
  }

  /// The line between what the front's points reach and what no point does; empty for three measures.
  private var frontLine: String {
    let best = marks.filter(\.isOnFront).sorted { $0.values[0].mean < $1.values[0].mean }
    guard columns.count == 2, let first = best.first, let last = best.last else { return "" }
    let (isXHigher, isYHigher) = (columns[0].isHigherBetter ?? true, columns[1].isHigherBetter ?? true)
    let worst = isYHigher ? Self.plotHeight - Self.bottom : Self.top
    func place(_ mark: Mark) -> (x: Double, y: Double) { (x(mark.values[0].mean), y(mark.values[1].mean)) }
    var path = isXHigher ? "M\(n(Self.left)),\(n(place(first).y))" : "M\(n(place(first).x)),\(n(worst))"
    for mark in best {
      let (x, y) = place(mark)
      path += isXHigher ? "V\(n(y))H\(n(x))" : "H\(n(x))V\(n(y))"
    }
    path += isXHigher ? "V\(n(worst))" : "H\(n(Self.width - Self.right))"
    _ = last
    return "<path class=\"edge\" d=\"\(path)\"></path>"
  }

  /// A line through the points of each recipe that has several, if there are several recipes.
  private var seriesLines: String {
    guard series.count > 1 else { return "" }
    return series.indices.map { index in
      let points = marks.filter { $0.series == index }.sorted { $0.values[0].mean < $1.values[0].mean }
        .map { "\(n(x($0.values[0].mean))),\(n(y($0.values[1].mean)))" }
      return points.count > 1
        ? "<polyline class=\"c\(index % Self.colors) raw\" points=\"\(points.joined(separator: " "))\"></polyline>" : ""
    }.joined()
  }

  /// The intervals of a mark.
  private func bars(_ mark: Mark) -> String {
    let (first, second) = (mark.values[0], mark.values[1])
    let color = "c\(mark.series % Self.colors) bar"
    let across = first.halfWidth.map { half in
      line(x(first.mean - half), y(second.mean), x(first.mean + half), y(second.mean), color)
    }
    let along = second.halfWidth.map { half in
      line(x(first.mean), y(second.mean - half), x(first.mean), y(second.mean + half), color)
    }
    return (across ?? "") + (along ?? "")
  }

  private func shape(_ mark: Mark) -> String {
    let said = zip(columns, mark.values).map { "\($0.fullTitle) \($0.cell($1))" }.joined(separator: ", ")
    return "<g><title>\("\(mark.name): \(said)".escaped)</title>"
      + Shape.svg(
        mark.series, x(mark.values[0].mean), y(mark.values[1].mean), radius(mark), isFilled: mark.isOnFront,
        color: mark.series % Self.colors) + "</g>"
  }

  /// The size of a mark: the third measure's value among those of all, if there is a third one.
  private func radius(_ mark: Mark) -> Double {
    guard columns.count == 3 else { return 6 }
    let values = marks.map { $0.values[2].mean }
    guard let low = values.min(), let high = values.max(), high > low else { return 6 }
    return Self.sizes.lowerBound
      + (mark.values[2].mean - low) / (high - low) * (Self.sizes.upperBound - Self.sizes.lowerBound)
  }

  // MARK: - Words

  /// The names of the front's points and of the baseline's, where there is room for them.
  private var labels: String {
    var taken = marks.map { mark in
      Box(x(mark.values[0].mean) - 7, y(mark.values[1].mean) - 7, 14, 14)
    }
    var svg = ""
    for mark in marks where mark.isOnFront {
      let (atX, atY, width) = (x(mark.values[0].mean), y(mark.values[1].mean), Self.textWidth(mark.name))
      let places = [(11.0, 4.0), (-11 - width, 4), (9, -10), (-9 - width, -10), (9, 18), (-9 - width, 18)]
      for (dx, dy) in places {
        let box = Box(atX + dx, atY + dy - 11, width, 14)
        guard box.x >= Self.left, box.x + width <= Self.width, box.y >= Self.top,
          box.y + 14 <= Self.plotHeight - Self.bottom, !taken.contains(where: box.meets)
        else { continue }
        taken.append(box)
        svg += text(atX + dx, atY + dy, mark.name, "start", "name")
        break
      }
    }
    return svg
  }

  private struct Box {
    let x, y, width, height: Double

    init(_ x: Double, _ y: Double, _ width: Double, _ height: Double) {
      (self.x, self.y, self.width, self.height) = (x, y, width, height)
    }

    func meets(_ other: Box) -> Bool {
      x < other.x + other.width && other.x < x + width && y < other.y + other.height && other.y < y + height
    }
  }

  /// An upper bound of a text's width.
  private static func textWidth(_ text: String) -> Double { 7.2 * Double(text.count) }

  /// The items of the legend: a mark, and what it means.
  private var legendItems: [(svg: (Double, Double) -> String, words: String)] {
    var items: [(svg: (Double, Double) -> String, words: String)] = []
    if series.count > 1 {
      for (index, name) in series.enumerated() {
        items.append(
          ({ Shape.svg(index, $0, $1, 6, isFilled: true, color: index % Self.colors) }, name))
      }
    }
    items.append(({ Shape.svg(0, $0, $1, 6, isFilled: true, color: nil) }, "on the front"))
    items.append(({ Shape.svg(0, $0, $1, 6, isFilled: false, color: nil) }, "behind it"))
    if columns.count == 3 {
      let values = marks.map { $0.values[2].mean }
      for (size, value) in [(Self.sizes.lowerBound, values.min()), (Self.sizes.upperBound, values.max())] {
        items.append(
          (
            { Shape.svg(0, $0, $1, size, isFilled: false, color: nil) },
            "\(columns[2].fullTitle) \(value.map(columns[2].number) ?? "")"
          ))
      }
    }
    if baseline != nil { items.append(({ line($0 - 8, $1, $0 + 8, $1, "guide") }, "the baseline")) }
    if marks.contains(where: { $0.values[0].halfWidth != nil }) {
      items.append(({ line($0 - 8, $1, $0 + 8, $1, "c0 bar") }, "95% interval"))
    }
    return items
  }

  /// The items of the legend in rows.
  private var legendRows: [[(svg: (Double, Double) -> String, words: String, x: Double)]] {
    var rows: [[(svg: (Double, Double) -> String, words: String, x: Double)]] = []
    var end = Double.infinity
    for (svg, words) in legendItems {
      let width = 24 + Self.textWidth(words)
      if end + width > Self.width { (rows, end) = (rows + [[]], 14) }
      rows[rows.count - 1].append((svg, words, end))
      end += width
    }
    return rows
  }

  private var legendHeight: Double { 14 + 20 * Double(legendRows.count) }

  private var legend: String {
    legendRows.enumerated().map { row, items in
      let y = Self.plotHeight + 14 + 20 * Double(row)
      return items.map { $0.svg($0.x, y) + text($0.x + 13, y + 4, $0.words, "start") }.joined()
    }.joined()
  }

  // MARK: - Parts

  private static let colors = 6
  private static let sizes = 4.0...10.0

  private func n(_ value: Double) -> String { String(format: "%.1f", value) }

  private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> String {
    "<line class=\"\(style)\" x1=\"\(n(x1))\" y1=\"\(n(y1))\" x2=\"\(n(x2))\" y2=\"\(n(y2))\"></line>"
  }

  private func text(_ x: Double, _ y: Double, _ words: String, _ anchor: String, _ style: String = "") -> String {
    "<text class=\"\(style)\" x=\"\(n(x))\" y=\"\(n(y))\" text-anchor=\"\(anchor)\">\(words.escaped)</text>"
  }

  /// The shapes of marks, by which series of the same color differ.
  private enum Shape {
    /// The corners of each shape around 0, in units of its radius; the first shape is a disk.
    private static let corners: [[(Double, Double)]] = [
      [], [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)], [(0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
      [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)], [(0, 1.2), (1.1, -0.8), (-1.1, -0.8)],
    ]

    static func svg(
      _ series: Int, _ x: Double, _ y: Double, _ radius: Double, isFilled: Bool, color: Int?
    ) -> String {
      let style = "mark \(color.map { "c\($0)" } ?? "ink")\(isFilled ? "" : " hollow")"
      let shape = corners[series % corners.count]
      guard !shape.isEmpty else {
        return String(format: "<circle class=\"\(style)\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"></circle>", x, y, radius)
      }
      let points = shape.map { String(format: "%.1f,%.1f", x + radius * $0.0, y + radius * $0.1) }
      return "<polygon class=\"\(style)\" points=\"\(points.joined(separator: " "))\"></polygon>"
    }
  }
}

extension SweepColumn {
  /// A number beside an axis.
  fileprivate func tick(_ value: Double) -> String {
    let shown = title.contains("%") ? 100 * value : value
    return abs(shown) < 1e-12 ? "0" : String(format: "%.4g", shown)
  }
}
