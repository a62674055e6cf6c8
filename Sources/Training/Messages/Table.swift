import Components
import Foundation

/// A text table with aligned columns: columns of words are aligned left, all others right. The header is omitted if all
/// headers are empty.
public struct Table: CustomStringConvertible {
  private let headers: [String]
  private let leftAligned: Int
  private var rows: [[String]] = []
  /// The largest width of a column; longer cells exceed it, so that they do not widen every row.
  private static let widest = 100
  private static let gap = "  "
  private static let dash: Character = "─"

  /// An empty table whose first `leftAligned` columns contain words.
  public init(_ headers: [String], leftAligned: Int) { (self.headers, self.leftAligned) = (headers, leftAligned) }

  /// Adds a row with one cell per header.
  public mutating func add(_ row: [String]) {
    precondition(row.count == headers.count, "Table: \(row.count) cells for \(headers.count) columns")
    rows.append(row.map(\.printable))
  }

  /// The table in one piece, however wide.
  public var description: String { piece(Array(headers.indices), widths, folding: nil) }

  /// The table in lines of at most `width` characters. Where its columns need more, the widest column of words is folded,
  /// between words; if that does not suffice, the other columns follow below each other in pieces, with the columns of
  /// words in each. Only a single word that is longer exceeds the width.
  public func text(width: Int) -> String {
    var widths = widths
    func total(_ columns: [Int]) -> Int { columns.reduce(0) { $0 + widths[$1] + Self.gap.count } - Self.gap.count }
    let all = Array(headers.indices)
    guard total(all) > width else { return description }
    let words = Array(all.prefix(leftAligned))
    let folded = words.max { widths[$0] < widths[$1] }
    if let folded {
      widths[folded] = max(longestWord(in: folded), widths[folded] - (total(all) - width))
    }
    guard total(all) > width, leftAligned < headers.count else { return piece(all, widths, folding: folded) }
    var pieces = [words]
    for column in all.dropFirst(leftAligned) {
      if pieces[pieces.count - 1].count > leftAligned, total(pieces[pieces.count - 1] + [column]) > width {
        pieces.append(words)
      }
      pieces[pieces.count - 1].append(column)
    }
    return pieces.map { piece($0, widths, folding: folded) }.joined(separator: "\n\n")
  }

  /// Whether a line is the rule below a table's header.
  static func isRule(_ line: some StringProtocol) -> Bool {
    line.first == dash && line.allSatisfy { $0 == dash || $0 == " " }
  }

  private var widths: [Int] {
    headers.indices.map { column in
      ([headers] + rows).map { $0[column].count }.filter { $0 <= Self.widest }.max() ?? 0
    }
  }

  private func longestWord(in column: Int) -> Int {
    ([headers] + rows).flatMap { $0[column].split(separator: " ") }.map(\.count).filter { $0 <= Self.widest }.max() ?? 0
  }

  /// Some columns of the table; cells of one of them are folded to its width.
  private func piece(_ columns: [Int], _ widths: [Int], folding foldedColumn: Int?) -> String {
    func lines(_ cells: [String]) -> [String] {
      let folded = columns.map { column in
        column == foldedColumn && cells[column].count > widths[column]
          ? cells[column].folded(to: widths[column]).split(separator: "\n").map(String.init) : [cells[column]]
      }
      return (0..<(folded.map(\.count).max() ?? 0)).map { row in
        let padded = zip(columns, folded).map { column, parts in
          let part = parts.indices.contains(row) ? parts[row] : ""
          let space = String(repeating: " ", count: max(0, widths[column] - part.count))
          return column < leftAligned ? part + space : space + part
        }
        var text = padded.joined(separator: Self.gap)
        while text.last == " " { text.removeLast() }
        return text
      }
    }
    let body = rows.flatMap(lines)
    if headers.allSatisfy(\.isEmpty) { return body.joined(separator: "\n") }
    let rule = columns.map { String(repeating: Self.dash, count: widths[$0]) }.joined(separator: Self.gap)
    return (lines(headers) + [rule] + body).joined(separator: "\n")
  }
}

extension String {
  /// The text broken between words into lines of at most `width` characters; the first one begins after `start` others.
  func folded(to width: Int, after start: Int = 0) -> String {
    var lines = [""]
    for word in split(separator: " ") {
      let length = lines[lines.count - 1].count + (lines.count == 1 ? start : 0)
      if lines[lines.count - 1].isEmpty {
        lines[lines.count - 1] = String(word)
      } else if length + 1 + word.count <= width {
        lines[lines.count - 1] += " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines.joined(separator: "\n")
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
