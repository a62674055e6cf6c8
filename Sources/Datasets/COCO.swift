import Foundation
import Formats

extension ObjectImages {
  /// COCO's annotations of instances (Lin et al. 2014; cocodataset.org/#format-data): categories, in the order of their
  /// numbers, boxes, and outlines as polygons or runs. Crowds, which are no single object, are left out.
  ///
  /// - Parameters:
  ///   - annotations: the JSON file.
  ///   - folder: where the images are.
  /// - Throws: a ``FileError`` that names the annotation.
  public static func coco(annotations path: String, images folder: String, samples: Samples = .classes) throws -> Self {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, message) }
    let file: COCOFile
    do { file = try JSONDecoder().decode(COCOFile.self, from: Files.read(path)) } catch let error as DecodingError {
      throw malformed("not COCO's annotations: \(error.place)")
    }
    guard !file.categories.isEmpty, !file.images.isEmpty else { throw malformed("no categories, or no images in it") }
    let categories = file.categories.sorted { $0.id < $1.id }
    let labels = Dictionary(categories.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
    let images = Dictionary(file.images.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
    guard labels.count == categories.count, images.count == file.images.count else {
      throw malformed("two categories, or two images, with one number")
    }
    var entries = file.images.map { Entry(path: folder + "/" + $0.file_name, objects: []) }
    for annotation in file.annotations where annotation.iscrowd != 1 {
      let name = "annotation \(annotation.id)"
      guard let image = images[annotation.image_id] else { throw malformed("\(name): no image \(annotation.image_id)") }
      guard let label = labels[annotation.category_id] else {
        throw malformed("\(name): no category \(annotation.category_id)")
      }
      let box = annotation.bbox
      guard box.count == 4, box.allSatisfy({ abs($0) < 1e6 }), box[2] >= 0, box[3] >= 0 else {
        throw malformed("\(name): the box \(box), where left, top, width and height are expected")
      }
      entries[image].objects.append(
        Object(
          label: label, box: [box[0], box[1], box[0] + box[2], box[1] + box[3]],
          outline: try annotation.segmentation?.outline { malformed("\(name): \($0)") }))
    }
    return ObjectImages(entries, classNames: categories.map(\.name), samples: samples)
  }
}

/// The parts of the file that are used, under its own names.
private struct COCOFile: Decodable {
  struct Category: Decodable {
    let id: Int
    let name: String
  }
  struct Image: Decodable {
    let id: Int
    let file_name: String
  }
  struct Annotation: Decodable {
    let id, image_id, category_id: Int
    let bbox: [Double]
    let segmentation: Segmentation?
    let iscrowd: Int?
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
    case polygons([[Double]]), runs(Runs)

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      self =
        if let runs = try? value.decode(Runs.self) { .runs(runs) } else { .polygons(try value.decode([[Double]].self)) }
    }

    func outline(_ malformed: (String) -> FileError) throws -> Outline? {
      switch self {
      case .polygons(let polygons):
        guard polygons.allSatisfy({ $0.count >= 6 && $0.count % 2 == 0 && $0.allSatisfy { abs($0) < 1e6 } }) else {
          throw malformed("a polygon that is no list of at least three points")
        }
        return polygons.isEmpty ? nil : .polygons(polygons)
      case .runs(let runs):
        let counts: [Int]? =
          switch runs.counts {
          case .numbers(let numbers): numbers
          case .text(let text): Outline.runs(packed: text)
          }
        guard let counts, runs.size.count == 2, runs.size.allSatisfy({ (1...65536).contains($0) }),
          counts.allSatisfy({ (0...(runs.size[0] * runs.size[1])).contains($0) })
        else { throw malformed("runs of pixels that cannot be read") }
        return .runs(counts, height: runs.size[0], width: runs.size[1])
      }
    }
  }

  let categories: [Category]
  let images: [Image]
  let annotations: [Annotation]
}

extension DecodingError {
  /// Where in the file it is, and what is wrong there.
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
