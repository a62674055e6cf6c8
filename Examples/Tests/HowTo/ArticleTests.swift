import Foundation
import Testing

/// The documentation's articles quote files that are built and tested here. A fenced block of Swift or YAML stands below a comment
/// that names its file, `<!-- Examples/Tests/HowTo/Signum.swift -->`, and its lines stand in that file one after another;
/// only how far they are indented may differ.
@Suite("The documentation's articles") struct ArticleTests {
  private struct Block {
    let place: String
    let file: String?
    let lines: [String]
  }

  private static let root = URL(fileURLWithPath: #filePath).pathComponents.dropLast(4).joined(separator: "/")
  private static let catalogue = root + "/Sources/MetasalKit/MetasalKit.docc"

  private static func lines(_ path: String) throws -> [String] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.trimmingCharacters(in: .whitespaces) }
  }

  private static func blocks(_ article: String) throws -> [Block] {
    let lines = try lines("\(catalogue)/\(article)")
    var blocks: [Block] = []
    var start: Int?
    for (index, line) in lines.enumerated() {
      if let begun = start {
        guard line == "```" else { continue }
        start = nil
        guard ["```swift", "```yaml"].contains(lines[begun]) else { continue }
        let comment = begun > 0 ? lines[begun - 1] : ""
        let file = comment.hasPrefix("<!-- ") && comment.hasSuffix(" -->") ? comment.dropFirst(5).dropLast(4) : nil
        blocks.append(
          Block(
            place: "\(article):\(begun + 1)", file: file.map { String($0) }, lines: Array(lines[(begun + 1)..<index])))
      } else if line.hasPrefix("```") {
        start = index
      }
    }
    return blocks
  }

  @Test("what they quote stands in a file that is built here")
  func quoted() throws {
    let articles = try FileManager.default.contentsOfDirectory(atPath: Self.catalogue).filter { $0.hasSuffix(".md") }
    let blocks = try articles.flatMap(Self.blocks)
    #expect(blocks.count >= 12)
    for block in blocks {
      guard let file = block.file else {
        Issue.record("\(block.place): no comment above it names the file that it is from")
        continue
      }
      let lines = try Self.lines("\(Self.root)/\(file)")
      let count = block.lines.count
      let isThere = lines.indices.contains { lines[$0...].prefix(count).elementsEqual(block.lines) }
      #expect(isThere, "\(block.place): this is not what stands in \(file)")
    }
  }
}
