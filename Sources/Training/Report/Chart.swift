import Foundation

/// A line chart in SVG, whose colors are the page's.
struct Chart {
  struct Point {
    var x, y: Double
    /// Whether it has a place: what is written by others may be any number, of which sums and differences may be none.
    var isDrawable: Bool { (0...1e15).contains(x) && abs(y) < 1e100 }
  }

  struct Line {
    var name: String
    /// Which of the page's colors.
    var color: Int
    var points: [Point]
    /// Whether there are so many points that a smoothed line says more.
    var isNoisy = false
  }

  var title: String
  var lines: [Line]
  /// Whether values are shares, shown in percent.
  var isShare = false

  private static let (width, height) = (460.0, 230.0)
  private static let (left, right, top, bottom) = (52.0, 12.0, 12.0, 34.0)

  /// The figure; empty if there is nothing to draw.
  var html: String {
    let points = lines.flatMap(\.points).filter(\.isDrawable)
    guard let low = points.map(\.y).min(), let high = points.map(\.y).max(), let last = points.map(\.x).max() else {
      return ""
    }
    let ticks = Self.ticks(low, high)
    let (bottomValue, topValue) = (min(low, ticks[0]), max(high, ticks[ticks.count - 1]))
    let span = topValue > bottomValue ? topValue - bottomValue : 1
    let end = max(last, 1)
    func x(_ value: Double) -> Double { Self.left + value / end * (Self.width - Self.left - Self.right) }
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
    for tick in Self.ticks(0, end) where tick <= end {
      svg +=
        "<text x=\(n(x(tick))) y=\(n(Self.height - Self.bottom + 16)) text-anchor=middle>\(Self.short(tick))</text>"
    }
    svg +=
      "<text x=\(n((Self.left + Self.width - Self.right) / 2)) y=\(n(Self.height - 3)) text-anchor=middle>step</text>"
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

  /// A tenth of a pixel is as fine as anyone sees.
  private func n(_ value: Double) -> String { String(format: "%.1f", value) }

  /// Means over about a twentieth of the points, around each as far as there are any on both sides.
  private static func smoothed(_ points: [Point]) -> [Point] {
    let sums = points.reduce(into: [0.0]) { $0.append($0[$0.count - 1] + $1.y) }
    let reach = points.count / 40
    return points.indices.map { i in
      let radius = min(reach, i, points.count - 1 - i)
      return Point(x: points[i].x, y: (sums[i + radius + 1] - sums[i - radius]) / Double(2 * radius + 1))
    }
  }

  /// Four to seven round numbers that reach from low to high.
  static func ticks(_ low: Double, _ high: Double) -> [Double] {
    // What differs by rounding alone has no scale of its own.
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
    abs(value) < 1e-12 ? "0" : String(format: "%.4g", value)
  }
}

extension String {
  /// As text or an attribute's value in HTML.
  var escaped: String {
    replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;").replacing("'", with: "&#39;")
  }
}
