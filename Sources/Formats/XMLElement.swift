import CXML
import Foundation

/// An element of an XML document, parsed by libxml2 without network access and without expanding entities.
public struct XMLElement: Sendable {
  /// The element's name without a namespace prefix.
  public let name: String
  /// The line at which the element begins.
  public let line: Int
  /// The text directly in the element, without leading and trailing blanks.
  public let text: String
  /// The child elements.
  public let children: [XMLElement]

  /// The child elements with this name.
  public func children(named name: String) -> [XMLElement] { children.filter { $0.name == name } }

  /// Reads an XML file and returns its root element.
  ///
  /// - Throws: a ``FileError`` with the line at which the document is malformed.
  public static func read(_ path: String) throws -> XMLElement {
    let data = try Files.read(path)
    guard data.count < 1 << 28 else {
      throw FileError(.malformed, path, "\(data.count) bytes of XML, which is too much")
    }
    if let problem = XMLMarkup.problem(in: data) { throw FileError(.malformed, path, problem) }
    return try data.withUnsafeBytes { bytes in
      guard let context = xmlNewParserCtxt() else { throw FileError(.malformed, path, "XML cannot be read") }
      defer { xmlFreeParserCtxt(context) }
      // Without this handler libxml2 prints some encoding errors whatever the options say.
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

  /// libxml2 refuses documents nested more than 256 levels deep, so this recursion is bounded.
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
