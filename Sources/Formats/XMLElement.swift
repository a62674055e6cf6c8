import CXML
import Foundation

/// An element of an XML document, as libxml2 reads it: nothing is fetched, and entities stay what they are called.
public struct XMLElement: Sendable {
  /// Its name without a prefix.
  public let name: String
  /// The line where it begins.
  public let line: Int
  /// The text right in it, without the blanks around it.
  public let text: String
  /// The elements right in it.
  public let children: [XMLElement]

  /// Those children that have this name.
  public func children(named name: String) -> [XMLElement] { children.filter { $0.name == name } }

  /// The root of the document in a file.
  ///
  /// - Throws: a ``FileError`` with the line at which the document is broken.
  public static func read(_ path: String) throws -> XMLElement {
    let data = try Files.read(path)
    guard data.count < 1 << 28 else {
      throw FileError(.malformed, path, "\(data.count) bytes of XML, which is too much")
    }
    if let problem = XMLMarkup.problem(in: data) { throw FileError(.malformed, path, problem) }
    return try data.withUnsafeBytes { bytes in
      guard let context = xmlNewParserCtxt() else { throw FileError(.malformed, path, "XML cannot be read") }
      defer { xmlFreeParserCtxt(context) }
      // Some errors in a text's encoding are printed otherwise, whatever the options say.
      xmlSetStructuredErrorFunc(nil) { _, _ in }
      let options = XML_PARSE_NONET.rawValue | XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue
      let start = bytes.bindMemory(to: CChar.self).baseAddress
      guard let document = xmlCtxtReadMemory(context, start, Int32(data.count), nil, nil, Int32(options)) else {
        throw FileError(.malformed, path, "line \(max(1, context.pointee.lastError.line)): broken XML")
      }
      defer { xmlFreeDoc(document) }
      guard let root = xmlDocGetRootElement(document) else {
        throw FileError(.malformed, path, "XML without an element")
      }
      return XMLElement(root)
    }
  }

  /// The library reads no document of more than 256 levels, so recursion ends.
  private init(_ node: xmlNodePtr) {
    name = String(cString: node.pointee.name)
    line = xmlGetLineNo(node)
    var (text, children) = ("", [XMLElement]())
    var next = node.pointee.children
    while let child = next {
      switch child.pointee.type {
      case XML_ELEMENT_NODE: children.append(XMLElement(child))
      case XML_TEXT_NODE, XML_CDATA_SECTION_NODE:
        if let content = child.pointee.content { text += String(cString: content) }
      default: break
      }
      next = child.pointee.next
    }
    (self.text, self.children) = (text.trimmingCharacters(in: .whitespacesAndNewlines), children)
  }
}
