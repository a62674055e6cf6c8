import Foundation

extension FrontDrawing {
  /// The intervals of all marks.
  var bars: String {
    marks.map { mark in
      let (first, second) = (mark.values[0], mark.values[1])
      let color = "c\(mark.series % Self.colors) bar"
      let across = first.halfWidth.map { line(x(first.mean - $0), mark.y, x(first.mean + $0), mark.y, color) }
      let along = second.halfWidth.map { line(mark.x, y(second.mean - $0), mark.x, y(second.mean + $0), color) }
      return (across ?? "") + (along ?? "")
    }.joined()
  }

  /// All marks, those of the front above the others, each with its name and numbers as what a pointer shows.
  var shapes: String {
    let behind = marks.filter { !$0.isOnFront }
    return (behind + marks.filter(\.isOnFront)).map { mark in
      let numbers = zip(columns, mark.values).map { "\($0.fullTitle) \($0.cell($1))" }.joined(separator: ", ")
      return "<g><title>\("\(mark.name): \(numbers)".escaped)</title>"
        + shape(
          mark.series, mark.x, mark.y, radius(of: mark), isFilled: mark.isOnFront, color: mark.series % Self.colors)
        + "</g>"
    }.joined()
  }

  /// A shape of a series. Series of the same color have different shapes.
  ///
  /// - Parameters:
  ///   - series: the index of the series.
  ///   - x: the place.
  ///   - y: the place.
  ///   - radius: about half the width.
  ///   - isFilled: whether it is filled, as those on the front are.
  ///   - color: the index of the color; nil for that of text.
  /// - Returns: the SVG element.
  func shape(_ series: Int, _ x: Double, _ y: Double, _ radius: Double, isFilled: Bool, color: Int?) -> String {
    let style = "mark \(color.map { "c\($0)" } ?? "ink")\(isFilled ? "" : " hollow")"
    let corners = Self.corners[series % Self.corners.count]
    guard !corners.isEmpty else {
      return "<circle class=\"\(style)\" cx=\"\(n(x))\" cy=\"\(n(y))\" r=\"\(n(radius))\"></circle>"
    }
    let points = corners.map { "\(n(x + radius * $0.0)),\(n(y + radius * $0.1))" }
    return "<polygon class=\"\(style)\" points=\"\(points.joined(separator: " "))\"></polygon>"
  }

  /// The corners of each shape around 0, in units of its radius; the first shape is a disk. Their number and that of the
  /// colors have no common factor, so that thirty series differ.
  private static let corners: [[(Double, Double)]] = [
    [], [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)], [(0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
    [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)], [(0, 1.2), (1.1, -0.8), (-1.1, -0.8)],
  ]

  /// The radii of the lowest and the highest value of the third measure.
  static let radii = 3.5...9.0

  /// The size of a mark, which shows the third measure if there is one.
  private func radius(of mark: Mark) -> Double {
    guard columns.count == 3 else { return 5 }
    let values = marks.map { $0.values[2].mean }
    guard let low = values.min(), let high = values.max(), high > low else { return 5 }
    let share = (mark.values[2].mean - low) / (high - low)
    return Self.radii.lowerBound + share * (Self.radii.upperBound - Self.radii.lowerBound)
  }

  /// The names of the front's points, where there is room for them; the others are named when one points at them.
  var labels: String {
    var taken = marks.map { Box(x: $0.x - 6, y: $0.y - 6, width: 12, height: 12) }
    return marks.filter(\.isOnFront).map { mark in
      let width = Self.textWidth(mark.name)
      let places = [(8.0, -7.0), (-8 - width, -7), (8, 16), (-8 - width, 16), (10, 4), (-10 - width, 4)]
      for (dx, dy) in places {
        let box = Box(x: mark.x + dx, y: mark.y + dy - 11, width: width, height: 14)
        guard box.x >= Self.left, box.x + width <= Self.width, box.y >= Self.top, box.y + 14 <= Self.bottom,
          !taken.contains(where: box.meets)
        else { continue }
        taken.append(box)
        return text(mark.x + dx, mark.y + dy, mark.name, "start", "name")
      }
      return ""
    }.joined()
  }

  private struct Box {
    let x, y, width, height: Double

    func meets(_ other: Box) -> Bool {
      x < other.x + other.width && other.x < x + width && y < other.y + other.height && other.y < y + height
    }
  }
}
