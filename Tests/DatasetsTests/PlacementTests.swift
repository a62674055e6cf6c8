import Foundation
import TestSupport
import Testing

@testable import Datasets
@testable import Formats

/// Annotations of images with Exif orientations and other sizes. The photograph (`Fixtures/make_labels.py`) has 24×16
/// black pixels with a white box in columns 3 to 8 and rows 2 to 11.
@Suite("Annotations of rotated and resized images") struct PlacementTests {
  private let folder = ScratchFolder()
  private static let stored: [Double] = [3, 2, 9, 12]

  /// Writes the photograph with an Exif orientation.
  @discardableResult
  private func photograph(_ name: String = "photo.jpg", tag: Int, as copy: String = "p.jpg") throws -> RGBImage {
    let tiff: [UInt8] =
      Array("II*\0".utf8) + [8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, UInt8(tag), 0, 0, 0, 0, 0, 0, 0]
    let exif = Array("Exif\0\0".utf8) + tiff
    var data = try Data(contentsOf: URL(fileURLWithPath: fixture(name)))
    data.insert(contentsOf: [0xff, 0xe1, 0, UInt8(exif.count + 2)] + exif, at: 2)
    try data.write(to: URL(fileURLWithPath: folder.file(copy)))
    return try RGBImage(contentsOf: folder.file(copy))
  }

  /// For each pixel whether it is white.
  private func white(_ image: RGBImage) -> [Bool] {
    (0..<image.width * image.height).map { image.pixels[3 * $0] > 127 }
  }

  private func bounds(_ mask: [Bool], width: Int) -> [Int] {
    let covered = mask.indices.filter { mask[$0] }
    let (xs, ys) = (covered.map { $0 % width }, covered.map { $0 / width })
    return [xs.min() ?? 0, ys.min() ?? 0, (xs.max() ?? 0) + 1, (ys.max() ?? 0) + 1]
  }

  private func edges(_ object: Sample.Object) -> [Int] {
    [object.columns.lowerBound, object.rows.lowerBound, object.columns.upperBound, object.rows.upperBound]
  }

  private func coco(size: String, _ box: [Double], segmentation: String = "[]", file: String = "p.jpg") throws
    -> ObjectImages
  {
    let box = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
    let text = """
      {"images": [{"id": 1, "file_name": "\(file)"\(size)}], "categories": [{"id": 1, "name": "a"}],
       "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": \(box), "segmentation": \(segmentation)}]}
      """
    return try ObjectImages.coco(annotations: try folder.write("a.json", text), images: folder.path)
  }

  private func size(_ width: Int, _ height: Int) -> String { ", \"width\": \(width), \"height\": \(height)" }

  private func polygon(_ b: [Double]) -> String {
    "[[\(b[0]), \(b[1]), \(b[2]), \(b[1]), \(b[2]), \(b[3]), \(b[0]), \(b[3])]]"
  }

  /// The box as run lengths, column by column.
  private func runs(_ box: [Double], width: Int, height: Int) -> String {
    let (rows, gap) = (Int(box[3] - box[1]), height - Int(box[3] - box[1]))
    let first = Int(box[0]) * height + Int(box[1])
    let counts = [first] + (0..<Int(box[2] - box[0])).flatMap { _ in [rows, gap] }.dropLast()
    return "{\"size\": [\(height), \(width)], \"counts\": \(counts)}"
  }

  @Test("boxes, polygons and run lengths drawn on the stored pixels are rotated with them", arguments: 1...8)
  func turned(_ tag: Int) throws {
    let image = try photograph(tag: tag)
    let white = white(image)
    let box = bounds(white, width: image.width)
    let upright = box.map { Double($0) }
    // Sizes show whether an image was rotated only if rows become columns.
    let drawn = tag > 4 ? Self.stored : upright
    for outline in [polygon(drawn), runs(drawn, width: 24, height: 16)] {
      let sample = try coco(size: size(24, 16), drawn, segmentation: outline).sample(at: 0)
      #expect(edges(sample.objects[0]) == box && sample.objects[0].mask == white, "\(outline)")
    }
    let (width, height) = (image.width, image.height)
    for outline in [polygon(upright), runs(upright, width: width, height: height)] {
      let sample = try coco(size: size(width, height), upright, segmentation: outline).sample(at: 0)
      #expect(edges(sample.objects[0]) == box && sample.objects[0].mask == white, "\(outline)")
    }
    // Without a stated size an annotation is for the upright image; run lengths state their own size.
    let bare = try coco(size: "", upright, segmentation: runs(drawn, width: 24, height: 16))
    #expect(try edges(bare.sample(at: 0).objects[0]) == box && bare.sample(at: 0).objects[0].mask == white)
    #expect(bare.remarks.texts.count == (tag == 1 ? 0 : 1))
  }

  @Test("annotations drawn before the image was resized are scaled, and rotated if needed", arguments: 1...8)
  func scaled(_ tag: Int) throws {
    let image = try photograph(tag: tag)
    let box = bounds(white(image), width: image.width)
    let drawn = tag > 4 ? Self.stored : box.map { Double($0) }
    for factor in [0.5, 2, 3, 50] {
      let (width, height) = (Int(24 * factor), Int(16 * factor))
      let data = try coco(
        size: size(width, height), drawn.map { $0 * factor }, segmentation: polygon(drawn.map { $0 * factor }))
      let sample = try data.sample(at: 0)
      #expect(edges(sample.objects[0]) == box && sample.objects[0].mask == white(image), "\(factor)")
    }
    let doubled = drawn.map { $0 * 2 }
    let data = try coco(size: size(48, 32), doubled, segmentation: runs(doubled, width: 48, height: 32))
    #expect(try data.sample(at: 0).objects[0].mask == white(image))
    #expect(data.remarks.texts.isEmpty == !(2...4).contains(tag))
  }

  @Test("sizes may differ by rounding; other aspect ratios are an error with both sizes")
  func shapes() throws {
    for (a, b, isSame) in [
      (PixelSize(width: 500, height: 375), PixelSize(width: 256, height: 192), true),
      (PixelSize(width: 500, height: 333), PixelSize(width: 500, height: 334), true),
      (PixelSize(width: 640, height: 427), PixelSize(width: 320, height: 213), true),
      (PixelSize(width: 640, height: 427), PixelSize(width: 320, height: 214), true),
      (PixelSize(width: 640, height: 427), PixelSize(width: 320, height: 216), false),
      (PixelSize(width: 640, height: 480), PixelSize(width: 480, height: 640), false),
      (PixelSize(width: 640, height: 480), PixelSize(width: 224, height: 224), false),
    ] { #expect(a.hasShape(of: b) == isSame && b.hasShape(of: a) == isSame, "\(a) and \(b)") }
    try photograph(tag: 6)
    let data = try coco(size: size(20, 20), Self.stored)
    let error = #expect(throws: FileError.self) { try data.sample(at: 0) }
    #expect(error?.message == "an image of 16×24 pixels, but its annotation is for 20×20")
    // Training does not use objects, so this is no error there.
    _ = try data.sampleWithoutObjects(at: 0)
    let masked = try coco(size: size(16, 24), [0, 0, 5, 5], segmentation: runs([1, 1, 4, 4], width: 10, height: 10))
    #expect(throws: FileError.self) { try masked.sample(at: 0) }
  }

  @Test("if sizes cannot tell, annotations are for the upright image, and a remark says so", arguments: 2...8)
  func uncertain(_ tag: Int) throws {
    let image = try photograph("square.jpg", tag: tag)
    let box = bounds(white(image), width: 16)
    let data = try coco(size: size(16, 16), box.map { Double($0) })
    #expect(try edges(data.sample(at: 0).objects[0]) == box)
    #expect(
      data.remarks.texts.count == 1
        && data.remarks.texts[0].contains("taken as drawn upright: 1 (\(folder.path)/p.jpg)"))
    let list = try folder.write(
      "l.csv", "image,label,l,t,r,b\np.jpg,a,\(box.map(String.init).joined(separator: ","))\n")
    let rows = try CSVList(list, columns: CSVList.Columns(box: ["l", "t", "r", "b"]))
    #expect(try edges(rows.sample(at: 0).objects[0]) == box && rows.remarks.texts.count == 1)
  }

  @Test("VOC's boxes, counted from 1, are rotated and scaled according to <size>", arguments: 1...8)
  func voc(_ tag: Int) throws {
    try Files.makeFolder(folder.file("JPEGImages"))
    let image = try photograph(tag: tag, as: "JPEGImages/p.jpg")
    let box = bounds(white(image), width: image.width)
    let drawn = tag > 4 ? Self.stored.map { Int($0) } : box
    try folder.write("ImageSets/Main/val.txt", "p\n")
    for factor in [1, 2, 5] {
      let b = drawn.map { $0 * factor }
      try folder.write(
        "Annotations/p.xml",
        """
        <annotation><size><width>\(24 * factor)</width><height>\(16 * factor)</height></size><object><name>dog</name><bndbox>
        <xmin>\(b[0] + 1)</xmin><ymin>\(b[1] + 1)</ymin><xmax>\(b[2])</xmax><ymax>\(b[3])</ymax></bndbox></object></annotation>
        """)
      #expect(try edges(ObjectImages.voc(folder.path, split: "val").sample(at: 0).objects[0]) == box)
    }
  }

  @Test(
    "objects are clipped to their image; one completely outside is left out and counted, and the image keeps its class"
  )
  func outside() throws {
    try photograph(tag: 1)
    let boxes: [([Double], [Int]?)] = [
      ([-5, -5, 4, 3], [0, 0, 4, 3]), ([20, 10, 99, 99], [20, 10, 24, 16]), ([24, 0, 30, 5], nil),
      ([0, 16, 5, 20], nil),
      ([-9, 0, 0, 5], nil), ([100, 100, 110, 110], nil), ([23.5, 15.5, 24, 16], [23, 15, 24, 16]), ([3, 3, 3, 9], nil),
    ]
    for (box, expected) in boxes {
      for size in [size(24, 16), ""] {
        for segmentation in ["[]", polygon(box)] {
          let data = try coco(size: size, box, segmentation: segmentation)
          let sample = try data.sample(at: 0)
          #expect(sample.labels == [0] && sample.objects.map(edges) == (expected.map { [$0] } ?? []), "\(box)")
          #expect(data.remarks.texts.count == (expected == nil ? 1 : 0))
        }
      }
    }
    #expect(
      try coco(size: size(24, 16), [100, 0, 105, 5]).remarks.texts == [
        "objects outside their image, left out: 1 (annotation 1)"
      ])
  }

  @Test("an outline that contains no pixel center leaves only its box")
  func thin() throws {
    try photograph(tag: 1)
    let object = try coco(size: "", [3, 3, 9, 4], segmentation: "[[3, 3.6, 9, 3.6, 9, 3.9, 3, 3.9]]").sample(at: 0)
      .objects[0]
    #expect(edges(object) == [3, 3, 9, 4] && object.mask == nil)
  }

  @Test("an image with damaged pixels is counted, and an intact one is not")
  func damage() throws {
    try photograph(tag: 1)
    var data = try Data(contentsOf: URL(fileURLWithPath: folder.file("p.jpg")))
    _ = try coco(size: "", Self.stored).sample(at: 0)
    data.replaceSubrange(data.count - 60..<data.count - 40, with: [0xff, 0xd9])
    try data.write(to: URL(fileURLWithPath: folder.file("p.jpg")))
    let lost = try coco(size: "", Self.stored)
    _ = try lost.sampleWithoutObjects(at: 0)
    #expect(lost.remarks.texts.count == 1 && lost.remarks.texts[0].contains("images with lost pixels"))
  }
}
