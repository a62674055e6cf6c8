extension FrontDrawing {
  /// An item of the legend: a mark at a place, and what it means.
  private struct Item {
    let mark: (Double, Double) -> String
    let words: String
  }

  private var items: [Item] {
    var items = [
      Item(mark: { shape(0, $0, $1, 5, isFilled: true, color: nil) }, words: "on the front"),
      Item(mark: { shape(0, $0, $1, 5, isFilled: false, color: nil) }, words: "behind it"),
    ]
    if columns.count == 3 {
      let values = marks.map { $0.values[2].mean }
      for (radius, value) in [(Self.radii.lowerBound, values.min()), (Self.radii.upperBound, values.max())] {
        items.append(
          Item(
            mark: { shape(0, $0, $1, radius, isFilled: false, color: nil) },
            words: "\(columns[2].fullTitle): \(value.map(columns[2].number) ?? "")"))
      }
    }
    if baseline != nil { items.append(Item(mark: { line($0 - 8, $1, $0 + 8, $1, "guide") }, words: "the baseline")) }
    if marks.contains(where: { $0.values.contains { $0.halfWidth != nil } }) {
      items.append(Item(mark: { line($0 - 8, $1, $0 + 8, $1, "c0 bar") }, words: "95% interval"))
    }
    guard series.count > 1 else { return items }
    return items
      + series.enumerated().map { index, name in
        Item(mark: { shape(index, $0, $1, 5, isFilled: true, color: index % Self.colors) }, words: name)
      }
  }

  /// The items in rows, each with the place of its mark along the row.
  private var rows: [[(item: Item, x: Double)]] {
    var (rows, end): ([[(item: Item, x: Double)]], Double) = ([], .infinity)
    for item in items {
      let width = 30 + Self.textWidth(item.words)
      if end + width > Self.width { (rows, end) = (rows + [[]], 14) }
      rows[rows.count - 1].append((item, end))
      end += width
    }
    return rows
  }

  private static let rowHeight = 19.0

  /// The height of the legend.
  var legendHeight: Double { 10 + Self.rowHeight * Double(rows.count) }

  /// The legend, below the plot.
  var legend: String {
    rows.enumerated().map { row, items in
      let y = Self.plotHeight + 10 + Self.rowHeight * Double(row)
      return items.map { $0.item.mark($0.x, y) + text($0.x + 13, y + 4, $0.item.words, "start") }.joined()
    }.joined()
  }
}
