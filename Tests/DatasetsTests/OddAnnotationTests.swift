import Foundation
import Formats
import TestSupport
import Testing

@testable import Datasets

/// Annotations from many tools: unusable ones are left out and counted, and the rest is read.
@Suite("Odd annotations") struct OddAnnotationTests {
  private let folder = ScratchFolder()

  private static let fields = [
    "id": "1", "image_id": "7", "category_id": "3", "bbox": "[2, 1, 4, 3]",
    "segmentation": "[[2, 1, 6, 1, 6, 4, 2, 4]]",
  ]

  /// A COCO data set with two annotations: a plain one of image 8, and one of image 7 with the given changes of fields.
  private func coco(
    _ changes: [String: String?], images: (String, String) = ("7", "8"), files: (String, String) = ("a.png", "b.png")
  ) throws -> ObjectImages {
    for name in ["a.png", "b.png"] {
      try Files.makeFolder(folder.file("images"))
      try RGBImage(width: 20, height: 10, pixels: [UInt8](repeating: 7, count: 600)).writePNG(
        to: folder.file("images/\(name)"))
    }
    let fields = Self.fields.merging(changes.compactMapValues { $0 }) { $1 }.filter {
      !changes.keys.contains($0.key) || changes[$0.key] != .some(nil)
    }
    let odd = fields.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ")
    let text = """
      {"info": null, "images": [{"id": \(images.0), "file_name": "\(files.0)"}, {"id": \(images.1), "file_name": "\(files.1)", "width": 20,
       "height": 10.0, "license": {}}], "categories": [{"id": 3, "name": "cat", "supercategory": 5}, {"id": 20, "name": "dog"}],
       "annotations": [{"id": 2, "image_id": \(images.1), "category_id": 20, "bbox": [0, 0, 5, 5]}, {\(odd)}]}
      """
    return try ObjectImages.coco(annotations: try folder.write("a.json", text), images: folder.file("images"))
  }

  /// The object of image 7; nil if it has none.
  private func object(_ data: ObjectImages) throws -> Sample.Object? {
    for index in 0..<data.count {
      let sample = try data.sample(at: index)
      if sample.source.hasSuffix("a.png") { return sample.objects.first }
    }
    return nil
  }

  @Test(
    "unused fields and harmless oddities change nothing",
    arguments: [
      ["area": "NaN"], ["area": "-Infinity"], ["area": "\"big\""], ["iscrowd": "false"], ["iscrowd": "null"],
      ["iscrowd": "0.0"],
      ["iscrowd": "\"no\""], ["id": nil], ["id": "\"x-1\""], ["id": "1.0"], ["id": "null"], ["id": "{}"], ["bbox": nil],
      ["bbox": "null"], ["bbox": "[]"], ["bbox": "[2, 1, null, 3]"], ["bbox": "[NaN, 1, 4, 3]"],
      ["bbox": "\"2 1 4 3\""],
      ["bbox": "[2, 1, -4, 3]"], ["bbox": "[2, 1, 0, 0]"], ["bbox": "[1e300, 1, 4, 3]"], ["bbox": "[50, 50, 4, 3]"],
      ["image_id": "7.0"], ["image_id": "\"7\""], ["category_id": "\"3\""], ["attributes": "{\"occluded\": false}"],
      ["keypoints": "[1, 2, NaN]"], ["score": "0.5"], ["segmentation": "[2, 1, 6, 1, 6, 4, 2, 4]"],
    ] as [[String: String?]])
  func harmless(_ changes: [String: String?]) throws {
    let data = try coco(changes)
    let object = try #require(try object(data))
    #expect(object.label == 0 && object.columns == 2..<6 && object.rows == 1..<4 && object.mask?.count { $0 } == 12)
    #expect(data.count == 2 && data.remarks.texts.isEmpty)
  }

  @Test(
    "unusable fields of an annotation are left out and counted, and its other fields are kept",
    arguments: [
      (["segmentation": "[[2, 1, 6, 1, 6, 4, 2, 4], [3, 3], [3, 3, 4, 4]]"], true, 12, "parts of outlines"),
      (["segmentation": "[[2, 1, 6, 1, 6, 4, 2, 4], null, [1, 1, 2, 2, 3]]"], true, 12, "parts of outlines"),
      (["segmentation": "[[2, 1, 6, 1, 6, 4, 2, 4], [1, 1, 2, 1, NaN, 4]]"], true, 12, "parts of outlines"),
      (["segmentation": "[[2, 1]]"], true, nil, "parts of outlines"),
      (["segmentation": "[[]]"], true, nil, "parts of outlines"),
      (["segmentation": "{\"size\": [10, 20], \"counts\": [11, 2000]}"], true, nil, "outlines that cannot be read"),
      (["segmentation": "{\"size\": [10, 20]}"], true, nil, "outlines that cannot be read"),
      (["segmentation": "{\"size\": [10, 20], \"counts\": \"~\"}"], true, nil, "outlines that cannot be read"),
      (["segmentation": "\"none\""], true, nil, "outlines that cannot be read"),
      (["segmentation": nil, "bbox": nil], false, nil, "objects without a box"),
      (["segmentation": "null", "bbox": "[1, 1, 0, 5]"], false, nil, "objects without a box"),
      (["segmentation": "[]", "bbox": "[40, 0, 5, 5]"], false, nil, "objects outside their image"),
      (["iscrowd": "1"], false, nil, "crowds"), (["iscrowd": "true"], false, nil, "crowds"),
      (["image_id": "70"], false, nil, "no listed image"), (["image_id": nil], false, nil, "no listed image"),
      (["category_id": "4"], false, nil, "no listed category"),
      (["category_id": "[3]"], false, nil, "no listed category"),
    ] as [([String: String?], Bool, Int?, String)])
  func leftOut(_ changes: [String: String?], _ isThere: Bool, _ pixels: Int?, _ reason: String) throws {
    let data = try coco(changes)
    let object = try object(data)
    #expect((object != nil) == isThere && object?.mask?.count { $0 } == pixels)
    if isThere { #expect(object?.columns == 2..<6 && object?.rows == 1..<4) }
    let found = data.remarks.texts.filter { !$0.hasPrefix("images without objects") }
    #expect(found.count == 1 && found[0].contains(reason) && found[0].contains(": 1 (annotation 1)"), "\(found)")
  }

  @Test("images are found by ids that are numbers or texts, and by paths with backslashes")
  func images() throws {
    for images in [("\"000007\"", "\"000008\""), ("\"x\"", "\"y\""), ("1.0", "2.0")] {
      #expect(try object(coco(["image_id": images.0], images: images))?.columns == 2..<6)
    }
    #expect(try object(coco([:], files: ("..\\\\images\\\\a.png", "b.png"))) != nil)
    #expect(try object(coco([:], files: ("\(folder.path)/images/a.png", "b.png"))) != nil)
    // A backslash may be part of a name.
    try FileManager.default.copyItem(atPath: folder.file("images/a.png"), toPath: folder.file("images/x\\a.png"))
    #expect(try coco([:], files: ("x\\\\a.png", "b.png")).sample(at: 0).source == folder.file("images/x\\a.png"))
  }

  @Test("a category without a readable name keeps its index among the classes, and is counted")
  func namelessCategory() throws {
    for nameless in ["{\"id\": 2}", "{\"id\": 2, \"name\": null}", "{\"id\": 2, \"name\": \"p\u{e8}che\"}"] {
      let text =
        "{\"images\": [{\"id\": 1, \"file_name\": \"a\"}], \"categories\": [{\"id\": 3, \"name\": \"c\"}, \(nameless), "
        + "{\"id\": 1, \"name\": \"a\"}], \"annotations\": [{\"image_id\": 1, \"category_id\": 3, \"bbox\": [0, 0, 2, 2]}, "
        + "{\"image_id\": 1, \"category_id\": 2, \"bbox\": [0, 0, 2, 2]}]}"
      try #require(text.data(using: .isoLatin1)).write(to: URL(fileURLWithPath: folder.file("nameless.json")))
      let data = try ObjectImages.coco(annotations: folder.file("nameless.json"), images: folder.path)
      #expect(data.classNames == ["a", "2", "c"] && data.count == 2)
      #expect(
        data.remarks.texts == ["categories without a name that can be read, called by their numbers: 1 (category 2)"])
    }
  }

  @Test(
    "an entry without a file name is left out and counted",
    arguments: ["{}", "{\"id\": 9}", "{\"file_name\": \"c.png\"}", "null", "3"])
  func oddImages(_ entry: String) throws {
    let text =
      "{\"images\": [\(entry), {\"id\": 1, \"file_name\": \"a\"}], \"categories\": [{\"id\": 1, \"name\": \"x\"}],"
      + "\"annotations\": [{\"image_id\": 1, \"category_id\": 1, \"bbox\": [0, 0, 1, 1]}]}"
    let data = try ObjectImages.coco(annotations: try folder.write("i.json", text), images: folder.path)
    #expect(data.count == 1)
    #expect(data.remarks.texts == ["images without a number or a file name, left out: 1 (entry 0 of 'images')"])
  }

  @Test("categories are sorted by number, even if the ids are texts, and by text otherwise")
  func categories() throws {
    func names(_ ids: [String]) throws -> [String] {
      let list = ids.enumerated().map { "{\"id\": \($1), \"name\": \"\($0)\"}" }.joined(separator: ", ")
      let text =
        "{\"images\": [{\"id\": 1, \"file_name\": \"a\"}], \"categories\": [\(list), {\"id\": \(ids[0]), \"name\": \"0\"}],"
        + "\"annotations\": [{\"image_id\": 1, \"category_id\": \(ids[0]), \"bbox\": [0, 0, 1, 1]}, null, 5]}"
      return try ObjectImages.coco(annotations: try folder.write("c.json", text), images: folder.path).classNames
    }
    #expect(try names(["10", "2", "1"]) == ["2", "1", "0"])
    #expect(try names(["\"10\"", "\"2\"", "1.0"]) == ["2", "1", "0"])
    #expect(try names(["\"b\"", "\"a\"", "7"]) == ["2", "1", "0"])
  }

  // MARK: VOC

  private func voc(_ list: String, annotation: String = "p", file: String?, images: [String], box: String = "1 2 5 6")
    throws -> Sample
  {
    let folder = ScratchFolder()
    for image in images {
      try Files.makeFolder(folder.file("JPEGImages"))
      try RGBImage(width: 20, height: 10, pixels: [UInt8](repeating: 7, count: 600)).writePNG(
        to: folder.file("JPEGImages/\(image)"))
    }
    let edges = zip(["xmin", "ymin", "xmax", "ymax"], box.split(separator: " ")).map { "<\($0)> \($1) </\($0)>" }
      .joined()
    try folder.write("ImageSets/Main/val.txt", list)
    try folder.write(
      "Annotations/\(annotation).xml",
      "\u{feff}<annotation>\r\n\(file.map { "<filename>\($0)</filename>" } ?? "")<size><width>0</width><height>0</height></size>"
        + "<object><name>dog</name><bndbox>\(edges)</bndbox></object></annotation>")
    let data = try ObjectImages.voc(folder.path, split: "val")
    #expect(data.count == 1)
    return try data.sample(at: 0)
  }

  @Test(
    "the image is the file that <filename> names, or else the one with the annotation's name and any extension",
    arguments: [
      ("p.jpg", ["p.jpg"], "p.jpg"), ("p.png", ["p.png", "p.jpg"], "p.png"),
      ("other.bmp", ["other.bmp", "p.jpg"], "other.bmp"),
      ("p.JPG", ["p.JPG"], "p.JPG"), ("gone.jpg", ["p.jpeg"], "p.jpeg"), ("p", ["p.png"], "p.png"),
      (nil, ["p.jfif"], "p.jfif"),
      ("C:\\photos\\p.png", ["p.png"], "p.png"), ("/home/x/p.png", ["p.png"], "p.png"), (nil, ["p.PNG"], "p.PNG"),
    ])
  func files(_ file: String?, _ images: [String], _ expected: String) throws {
    #expect(try voc("p\n", file: file, images: images).source.hasSuffix("/JPEGImages/\(expected)"))
  }

  @Test(
    "lists may have tabs, blanks, flags, extensions, a byte order mark and any line breaks",
    arguments: [
      ("p\t1\n", "p"), ("p  -1", "p"), ("\u{feff}p\n", "p"), ("p\r\n\r\n", "p"), ("p\r", "p"), ("p.jpg\n", "p"),
      ("p.jpg 1\n", "p"),
      ("my photo 7\n", "my photo 7"), ("my photo 1\n", "my photo 1"), ("my photo 1  1\n", "my photo 1"),
      ("a.b\n", "a.b"),
      (" p 0 \n", "p"), ("grüße\t 1", "grüße"),
    ])
  func lists(_ list: String, _ name: String) throws {
    let sample = try voc(list, annotation: name, file: nil, images: ["\(name).jpg"])
    #expect(sample.source.hasSuffix("/JPEGImages/\(name).jpg") && sample.objects[0].columns == 0..<5)
  }

  @Test("an object without a readable box is left out, and its image keeps its class")
  func unreadableBoxes() throws {
    for box in ["", "1 2 x 6", "5 2 1 6", "nan 1 5 6", "1 2 5"] {
      let sample = try voc("p", file: nil, images: ["p.jpg"], box: box)
      #expect(sample.labels.count == 1 && sample.objects.isEmpty, "\(box)")
    }
    #expect(try voc("p", file: nil, images: ["p.jpg"], box: "5 6 5 6").objects[0].columns == 4..<5)
    let error = #expect(throws: FileError.self) { try voc("q 1", file: nil, images: ["p.jpg"]) }
    #expect(error?.file.hasSuffix("Annotations/q.xml") == true)
  }
}
