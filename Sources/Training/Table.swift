import Components
import Formats
import Foundation

/// A text table with aligned columns: columns of words are aligned left, all others right. The header is omitted if all
/// headers are empty.
public struct Table: CustomStringConvertible {
  private let headers: [String]
  private let leftAligned: Int
  private var rows: [[String]] = []
  /// The largest width of a column; longer cells exceed it, so that they do not widen every row.
  private static let widest = 100

  /// An empty table whose first `leftAligned` columns contain words.
  public init(_ headers: [String], leftAligned: Int) { (self.headers, self.leftAligned) = (headers, leftAligned) }

  /// Adds a row with one cell per header.
  public mutating func add(_ row: [String]) {
    precondition(row.count == headers.count, "Table: \(row.count) cells for \(headers.count) columns")
    rows.append(row.map(\.printable))
  }

  public var description: String {
    let widths = headers.indices.map { column in
      ([headers] + rows).map { $0[column].count }.filter { $0 <= Self.widest }.max() ?? 0
    }
    func line(_ cells: [String]) -> String {
      let padded = cells.enumerated().map { column, cell in
        let space = String(repeating: " ", count: max(0, widths[column] - cell.count))
        return column < leftAligned ? cell + space : space + cell
      }
      var text = padded.joined(separator: "  ")
      while text.last == " " { text.removeLast() }
      return text
    }
    if headers.allSatisfy(\.isEmpty) { return rows.map(line).joined(separator: "\n") }
    let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")
    return ([line(headers), rule] + rows.map(line)).joined(separator: "\n")
  }
}

/// Formats a number with `digits` decimals, a very large one in scientific notation, and infinities and NaN as "not
/// finite".
func decimal(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite else { return "not finite" }
  return String(format: abs(value) < 1e9 ? "%.\(digits)f" : "%.3g", value)
}

/// Formats a share in [0, 1] as a percentage with one decimal.
func percent(_ share: Double) -> String { share.isFinite ? decimal(share * 100, 1) + "%" : "not finite" }
