import Foundation
import Formats

/// The fields of COCO's annotation file that are used, under COCO's names. A field that cannot be read is nil and not
/// an error: files from other tools have fields of other types in places that nobody uses.
struct COCOFile: Decodable {
  /// The id of an entry: an integer, written as a number or a text, or any other text.
  struct Identifier: Decodable, Hashable, Comparable, CustomStringConvertible {
    let description: String

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      if let number = try? value.decode(Int.self) {
        description = String(number)
      } else if let number = try? value.decode(Double.self), let whole = Int(exactly: number) {
        description = String(whole)
      } else {
        description = try value.decode(String.self)
      }
    }

    /// Numbers are ordered by value, and come before texts.
    static func < (a: Self, b: Self) -> Bool {
      switch (Int(a.description), Int(b.description)) {
      case (let a?, let b?): a < b
      case (nil, nil): a.description.utf8.lexicographicallyPrecedes(b.description.utf8)
      case (let a, _): a != nil
      }
    }
  }

  struct Category: Decodable {
    let id: Identifier
    let name: String?

    private enum Key: CodingKey { case id, name }

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: Key.self)
      (id, name) = (try values.decode(Identifier.self, forKey: .id), values.lenient(.name))
    }
  }

  struct Image: Decodable {
    var id: Identifier?
    var file_name: String?
    /// The size of the annotated image; nil if it is not stated.
    var size: PixelSize?

    private enum Key: CodingKey { case id, file_name, width, height }

    init(from decoder: any Decoder) throws {
      guard let values = try? decoder.container(keyedBy: Key.self) else { return }
      (id, file_name) = (values.lenient(.id), values.lenient(.file_name))
      let (width, height): (Double?, Double?) = (values.lenient(.width), values.lenient(.height))
      let sides = [width, height].compactMap { $0.flatMap { Int(exactly: $0) } }.filter { (1...1 << 20).contains($0) }
      size = sides.count == 2 ? PixelSize(width: sides[0], height: sides[1]) : nil
    }
  }

  struct Annotation: Decodable {
    var id, image_id, category_id: Identifier?
    /// The left, upper, right and lower edges of the box in pixels; nil if they cannot be read.
    var box: [Double]?
    var segmentation = Segmentation.none
    var isCrowd = false

    private enum Key: CodingKey { case id, image_id, category_id, bbox, segmentation, iscrowd }

    init(from decoder: any Decoder) throws {
      guard let values = try? decoder.container(keyedBy: Key.self) else { return }
      (id, image_id, category_id) = (values.lenient(.id), values.lenient(.image_id), values.lenient(.category_id))
      if let edges: [Double] = values.lenient(.bbox), edges.count == 4, edges.allSatisfy({ abs($0) < 1e6 }) {
        box = [edges[0], edges[1], edges[0] + edges[2], edges[1] + edges[3]]
      }
      segmentation = values.lenient(.segmentation) ?? .none
      isCrowd = values.lenient(.iscrowd).map { (flag: Double) in flag != 0 } ?? values.lenient(.iscrowd) ?? false
    }
  }

  enum Segmentation: Decodable {
    struct Runs: Decodable {
      let size: [Int]
      let counts: Counts
    }
    enum Counts: Decodable {
      case numbers([Int]), text(String)
      init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        self =
          if let text = try? value.decode(String.self) { .text(text) } else { .numbers(try value.decode([Int].self)) }
      }
    }
    /// A polygon; `points` is nil if it cannot be read.
    struct Part: Decodable {
      let points: [Double]?
      init(from decoder: any Decoder) throws { points = try? decoder.singleValueContainer().decode([Double].self) }
    }
    case none, polygons([[Double]?]), runs(Runs), unreadable

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      if let polygons = try? value.decode([[Double]].self) {
        self = .polygons(polygons)
      } else if value.decodeNil() {
        self = .none
      } else if let runs = try? value.decode(Runs.self) {
        self = .runs(runs)
      } else if let polygon = try? value.decode([Double].self) {
        self = .polygons([polygon])
      } else if let parts = try? value.decode([Part].self) {
        self = .polygons(parts.map(\.points))
      } else {
        self = .unreadable
      }
    }

    /// The outline; nil if there is none that can be read. Unreadable parts are added to `remarks`.
    func outline(_ name: String, _ remarks: Remarks) -> Outline? {
      switch self {
      case .none: return nil
      case .polygons(let parts):
        let polygons = parts.compactMap { $0 }.filter {
          $0.count >= 6 && $0.count % 2 == 0 && $0.allSatisfy { abs($0) < 1e6 }
        }
        if polygons.count < parts.count { remarks.add("parts of outlines that are no polygons, left out", name) }
        return polygons.isEmpty ? nil : .polygons(polygons)
      case .runs(let runs):
        let counts: [Int]? =
          switch runs.counts {
          case .numbers(let numbers): numbers
          case .text(let text): Outline.runs(packed: text)
          }
        if let counts, runs.size.count == 2, runs.size.allSatisfy({ (1...65536).contains($0) }),
          counts.allSatisfy({ (0...(runs.size[0] * runs.size[1])).contains($0) })
        {
          return .runs(counts, height: runs.size[0], width: runs.size[1])
        }
      case .unreadable: break
      }
      remarks.add("outlines that cannot be read, left out", name)
      return nil
    }
  }

  let categories: [Category]
  let images: [Image]
  let annotations: [Annotation]

  /// Reads an annotation file.
  ///
  /// - Throws: a `FileError` with the place in the file that does not have the expected form.
  static func read(_ path: String) throws -> COCOFile {
    let data = try Files.read(path)
    func decoded(_ data: Data) throws -> COCOFile { try JSONDecoder().decode(COCOFile.self, from: data) }
    do {
      do { return try decoded(data) } catch DecodingError.dataCorrupted { return try decoded(withoutNaN(data)) }
    } catch let error as DecodingError { throw FileError(.malformed, path, "not COCO's annotations: \(error.place)") }
  }

  /// The JSON with each NaN and Infinity replaced by an empty text, which is not a number either. Python writes them
  /// although JSON does not allow them. Foundation's JSON5 decoder accepts them, but crashes on some damaged files.
  private static func withoutNaN(_ data: Data) -> Data {
    var bytes = [UInt8](data)
    let words = ["NaN", "-Infinity", "Infinity"].map { Array($0.utf8) }
    var (at, isText) = (0, false)
    while at < bytes.count {
      if isText && bytes[at] == UInt8(ascii: "\\") {
        at += 2
        continue
      }
      if bytes[at] == UInt8(ascii: "\"") { isText.toggle() }
      if !isText, let word = words.first(where: { bytes[at...].starts(with: $0) }) {
        bytes.replaceSubrange(
          at..<at + word.count, with: Array("\"\"".utf8) + [UInt8](repeating: 0x20, count: word.count - 2))
        at += word.count
      } else {
        at += 1
      }
    }
    return Data(bytes)
  }
}

extension KeyedDecodingContainer {
  /// The value of a key; nil if the key is missing or has another type.
  fileprivate func lenient<Value: Decodable>(_ key: Key) -> Value? {
    (try? decodeIfPresent(Value.self, forKey: key)) ?? nil
  }
}

extension DecodingError {
  /// The place of the error in the file, and what is wrong there.
  fileprivate var place: String {
    let (context, what): (Context, String) =
      switch self {
      case .keyNotFound(let key, let context): (context, "no '\(key.stringValue)'")
      case .typeMismatch(_, let context), .valueNotFound(_, let context): (context, context.debugDescription)
      case .dataCorrupted(let context): (context, "not JSON, or cut off")
      @unknown default: (Context(codingPath: [], debugDescription: ""), "cannot be read")
      }
    let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
    return path.isEmpty ? what : "at \(path): \(what)"
  }
}
