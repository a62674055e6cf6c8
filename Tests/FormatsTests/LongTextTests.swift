import Components
import Foundation
import TestSupport
import Testing

@testable import Formats

/// Texts in files that are far longer than usual are still read correctly.
@Suite("Long texts in files") struct LongTextTests {
  private let folder = ScratchFolder()

  private func xml(_ text: String) throws -> XMLElement { try XMLElement.read(folder.write("a.xml", text)) }

  @Test("XML with far too many attributes, namespaces or declarations is refused quickly")
  func attributes() throws {
    func list(_ count: Int, _ text: (Int) -> String) -> String { (0..<count).map(text).joined() }
    for (text, problem) in [
      ("<a>\n<b\(list(200_000) { " a\($0)='>'" })/></a>", "line 2: a tag of more than 1000 attributes"),
      ("<a\(list(200_000) { " xmlns:a\($0)=\"u\"" })/>", "line 1: a tag of more than 1000 attributes"),
      ("<!DOCTYPE a [\n\(list(50_000) { "<!ENTITY e\($0) \"x\">" })]><a/>", "line 2: more than 1000 declarations"),
    ] {
      let error = #expect(throws: FileError.self) { try xml(text) }
      #expect(error?.message == problem)
    }
  }

  @Test("text that only looks like markup is not counted, and long texts are read completely")
  func markup() throws {
    let many = String(repeating: " a='1'", count: 2000)
    let long = String(repeating: "x", count: 1 << 20)
    let root = try xml(
      """
      <?xml version="1.0"?><?note \(many)?><!-- don't \(many) --><a><b c='it''/><b>\(long)</b>
      """.replacing("c='it''", with: "c=\"it's\"")
        + "<d><![CDATA[<e\(many)>]]></d><d>isn't \(many)</d>\(String(repeating: "<f g='1'/>", count: 5000))</a>")
    #expect(root.children(named: "b").map(\.text.count) == [0, 1 << 20])
    #expect(root.children(named: "d").map(\.text) == ["<e\(many)>", "isn't \(many)"])
    #expect(root.children(named: "f").count == 5000)
    let most = (0..<1000).map { " a\($0)=''" }.joined()
    #expect(try xml("<a\(most)><b\(most)/></a>").children.count == 1)
  }

  @Test("a long name of unprintable characters is printed with Swift's escapes")
  func printable() {
    #expect(String(repeating: "\u{1}", count: 300_000).printable == String(repeating: "\\u{1}", count: 300_000))
    #expect("a\u{1b}[1mé\u{202e}".printable == "a\\u{1b}[1mé\\u{202e}")
  }

  @Test("messages shorten very long texts and keep both ends")
  func messages() {
    let name = "begin" + String(repeating: "\u{1}", count: 1 << 20) + "end"
    for text in [
      FileError(.malformed, name, "it is \(name)").description,
      RecipeError([.init(Place(source: name, line: 3), name, "found \(name)")]).description,
    ] {
      #expect(text.utf8.count < 40_000 && text.hasPrefix("begin\\u{1}") && text.hasSuffix("\\u{1}end"))
      #expect(text.contains(" … "))
    }
    #expect(FileError(.malformed, "a.png", "cut off").description == "a.png: cut off")
  }
}
