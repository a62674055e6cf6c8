import Components
import Formats
import Foundation

/// A table of text whose columns line up: words to the left, everything else to the right. Without headers if all of them
/// are empty.
public struct Table: CustomStringConvertible {
  private let headers: [String]
  private let leftAligned: Int
  private var rows: [[String]] = []
  /// A longer cell sticks out of its column, which would otherwise make every line as long.
  private static let widest = 100

  /// A table without rows, of whose columns the first `leftAligned` hold words.
  public init(_ headers: [String], leftAligned: Int) { (self.headers, self.leftAligned) = (headers, leftAligned) }

  /// Adds a row, with as many cells as there are headers.
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

/// A number with a fixed count of decimals; a large one by its order of magnitude, and what is infinite or no number in words.
func decimal(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite else { return "not finite" }
  return String(format: abs(value) < 1e9 ? "%.\(digits)f" : "%.3g", value)
}

/// A share of one in percent, with one decimal.
func percent(_ share: Double) -> String { share.isFinite ? decimal(share * 100, 1) + "%" : "not finite" }
