import Foundation

/// A line chart in SVG, which uses the color classes of the page's style.
struct Chart {
  struct Point {
    var x, y: Double
    /// Whether the point can be drawn: a log file may contain any numbers, whose sums and differences may not be
    /// finite.
    var isDrawable: Bool { (0...1e15).contains(x) && abs(y) < 1e100 }
  }

  struct Line {
    var name: String
    /// The index of the color in the page's style.
    var color: Int
    var points: [Point]
    /// Whether the line is noisy, so that a smoothed line is drawn on top.
    var isNoisy = false
  }

  var title: String
  var lines: [Line]
  /// Whether values are shares in [0, 1], which are shown in percent.
  var isShare = false
  /// The title of the horizontal axis, and whether it is logarithmic.
  var xTitle = "step"
  var isLogarithmic = false

  private static let (width, height) = (460.0, 230.0)
  private static let (left, right, top, bottom) = (52.0, 12.0, 12.0, 34.0)

  /// The chart as HTML; empty if there is nothing to draw.
  var html: String {
    let points = lines.flatMap(\.points).filter(\.isDrawable)
    guard let low = points.map(\.y).min(), let high = points.map(\.y).max(), let first = points.map(\.x).min(),
      let last = points.map(\.x).max()
    else { return "" }
    let ticks = Self.ticks(low, high)
    let (bottomValue, topValue) = (min(low, ticks[0]), max(high, ticks[ticks.count - 1]))
    let span = topValue > bottomValue ? topValue - bottomValue : 1
    let (start, end) = isLogarithmic ? (log10(first), max(log10(last), log10(first) + 1)) : (0, max(last, 1))
    func x(_ value: Double) -> Double {
      Self.left + ((isLogarithmic ? log10(value) : value) - start) / (end - start)
        * (Self.width - Self.left - Self.right)
    }
    func y(_ value: Double) -> Double {
      Self.height - Self.bottom - (value - bottomValue) / span * (Self.height - Self.top - Self.bottom)
    }
    var svg = ""
    for tick in ticks {
      svg +=
        "<line class=grid x1=\(n(Self.left)) x2=\(n(Self.width - Self.right)) y1=\(n(y(tick))) y2=\(n(y(tick)))></line>"
      let label = isShare ? "\(Self.short(tick * 100))%" : Self.short(tick)
      svg += "<text x=\(n(Self.left - 6)) y=\(n(y(tick) + 4)) text-anchor=end>\(label)</text>"
    }
    let places =
      isLogarithmic
      ? (Int(start.rounded(.up))...Int(end.rounded(.down))).map { pow(10, Double($0)) }
      : Self.ticks(0, end).filter { $0 <= end }
    for tick in places {
      svg +=
        "<text x=\(n(x(tick))) y=\(n(Self.height - Self.bottom + 16)) text-anchor=middle>\(Self.short(tick))</text>"
    }
    svg +=
      "<text x=\(n((Self.left + Self.width - Self.right) / 2)) y=\(n(Self.height - 3)) text-anchor=middle>\(xTitle.escaped)</text>"
    for line in lines where !line.points.isEmpty {
      func path(_ points: [Point]) -> String {
        points.map { "\(n(x($0.x))),\(n(y($0.y)))" }.joined(separator: " ")
      }
      let finite = line.points.filter(\.isDrawable)
      if line.isNoisy {
        svg += "<polyline class=\"raw c\(line.color)\" points=\"\(path(finite))\"></polyline>"
        svg += "<polyline class=\"c\(line.color)\" points=\"\(path(Self.smoothed(finite)))\"></polyline>"
      } else {
        svg += "<polyline class=\"c\(line.color)\" points=\"\(path(finite))\"></polyline>"
        for point in finite where finite.count <= 40 {
          svg += "<circle class=\"c\(line.color)\" cx=\(n(x(point.x))) cy=\(n(y(point.y))) r=3></circle>"
        }
      }
    }
    let said = lines.compactMap { line in
      line.points.last.map { "\(line.name) ends at \(Self.short($0.y))" }
    }
    return """
      <figure class=chart><figcaption>\(title.escaped)</figcaption>
      <svg viewBox="0 0 \(n(Self.width)) \(n(Self.height))" role=img aria-label="\("\(title): \(said.joined(separator: ", "))".escaped)">\(svg)</svg>
      </figure>
      """
  }

  /// Formats a coordinate, rounded to a tenth of a pixel.
  private func n(_ value: Double) -> String { String(format: "%.1f", value) }

  /// Moving averages over about a twentieth of the points, with smaller symmetric windows near both ends.
  private static func smoothed(_ points: [Point]) -> [Point] {
    let sums = points.reduce(into: [0.0]) { $0.append($0[$0.count - 1] + $1.y) }
    let reach = points.count / 40
    return points.indices.map { i in
      let radius = min(reach, i, points.count - 1 - i)
      return Point(x: points[i].x, y: (sums[i + radius + 1] - sums[i - radius]) / Double(2 * radius + 1))
    }
  }

  /// About four to seven round numbers that cover the range from `low` to `high`.
  static func ticks(_ low: Double, _ high: Double) -> [Double] {
    // Values that differ only by rounding errors do not define a scale.
    let isFlat = high - low <= 1e-9 * max(abs(high), abs(low)) + 1e-30
    let span = isFlat ? max(abs(high), 1) : high - low
    let rough = span / 4
    let power = pow(10, floor(log10(rough)))
    let step = [1, 2, 2.5, 5, 10].map { $0 * power }.first { $0 >= rough } ?? rough
    let first = (low / step).rounded(.down)
    let count = Int(((high / step).rounded(.up) - first).rounded())
    return (0...max(1, count)).map { (first + Double($0)) * step }
  }

  private static func short(_ value: Double) -> String {
    abs(value) < 1e-15 ? "0" : String(format: "%.4g", value)
  }
}

extension String {
  /// The text escaped for HTML text and attribute values.
  var escaped: String {
    replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;").replacing("'", with: "&#39;")
  }
}
