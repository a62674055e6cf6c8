import Components
import Foundation
import Formats
import TestSupport
import Testing

@testable import Datasets

/// Data sets in common formats; `Fixtures/make_images.py` makes the fixtures.
@Suite("Data sets in common formats") struct SourceTests {
  private let folder = ScratchFolder()

  private func message(_ body: () throws -> Void) -> String {
    (#expect(throws: FileError.self) { try body() })?.description ?? ""
  }

  private func image(_ name: String, width: Int, height: Int) throws {
    try Files.makeFolder(Paths.folder(of: folder.file(name)))
    try RGBImage(width: width, height: height, pixels: [UInt8](repeating: 7, count: width * height * 3))
      .writePNG(to: folder.file(name))
  }

  // MARK: IDX

  @Test("IDX files are read, compressed or not; gray images become RGB")
  func idx() throws {
    let data = try IDXImages(images: fixture("digits-images.idx.gz"), labels: fixture("digits-labels.idx"))
    #expect(data.count == 5 && data.classNames == ["0", "1", "2"])
    let sample = try data.sample(at: 2)
    #expect(sample.label == 2 && sample.image.width == 3 && sample.image.height == 4)
    #expect(sample.image.pixels == (24..<36).flatMap { [UInt8($0), UInt8($0), UInt8($0)] })
  }

  @Test("IDX files that are broken or do not fit each other are errors that say how")
  func brokenIDX() throws {
    let labels = try Data(contentsOf: URL(fileURLWithPath: fixture("digits-labels.idx")))
    let packed = try Data(contentsOf: URL(fileURLWithPath: fixture("digits-images.idx.gz")))
    func read(_ images: Data, _ labels: Data, classes: String? = nil) throws {
      try images.write(to: URL(fileURLWithPath: folder.file("i")))
      try labels.write(to: URL(fileURLWithPath: folder.file("l")))
      _ = try IDXImages(images: folder.file("i"), labels: folder.file("l"), classes: classes)
    }
    try read(packed, labels)
    #expect(message { try read(packed.prefix(60), labels) }.contains("gzip"))
    #expect(message { try read(packed, labels.dropLast()) }.contains("4 bytes"))
    #expect(message { try read(labels, labels) }.contains("axes"))
    #expect(message { try read(packed, Data([0, 0, 8, 1, 0, 0, 0, 1, 0])) }.contains("1 labels for the 5 images"))
    #expect(message { try read(Data([0, 0, 13, 3]) + labels, labels) }.contains("kind 13"))
    #expect(message { try read(Data([0, 0, 8, 3] + [UInt8](repeating: 255, count: 12)), labels) }.contains("sizes"))
    try folder.write("classes", "one\ntwo\n")
    #expect(message { try read(packed, labels, classes: folder.file("classes")) }.contains("there are 2 classes"))
  }

  @Test("a small file that decompresses to a huge one is refused before it uses memory; moderate compression is not")
  func gzipBomb() throws {
    // IDX files with this many zero pixels, compressed by `gzip -9`.
    for (name, isRead) in [("zeros-1MB.idx.gz", true), ("zeros-20MB.idx.gz", false)] {
      let found = Result { try IDXImages(images: fixture(name), labels: fixture("digits-labels.idx")) }
      let text = "\(found)"
      #expect(text.contains(isRead ? "5 labels for the" : "bytes of gzip that unpack to more than"), "\(text)")
    }
  }

  // MARK: COCO

  private struct Masks: Decodable {
    let polygon: [Double]
    let packed: String
    let runs, blob, mask: [Int]
  }

  @Test("masks of run lengths are exactly COCO's, and those of polygons except for pixels on their edges")
  func outlines() throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: fixture("masks.json")))
    let masks = try JSONDecoder().decode(Masks.self, from: data)
    #expect(Outline.runs(packed: masks.packed) == masks.runs)
    let blob = Outline.pixels(masks.runs, height: 14, width: 20)
    #expect(blob == masks.blob.map { $0 == 1 })
    let mask = Outline.filled([masks.polygon], PixelSize(width: 20, height: 14))
    let (both, either) = zip(mask, masks.mask).reduce((0, 0)) { sums, pair in
      (sums.0 + (pair.0 && pair.1 == 1 ? 1 : 0), sums.1 + (pair.0 || pair.1 == 1 ? 1 : 0))
    }
    #expect(Double(both) / Double(either) > 0.8)
    #expect(Outline.runs(packed: "\u{1}") == nil && Outline.runs(packed: "o") == nil)
  }

  private static let coco = """
    {"images": [{"id": 7, "file_name": "a.png"}, {"id": 3, "file_name": "b.png"}, {"id": 9, "file_name": "none.png"}],
     "categories": [{"id": 30, "name": "dog"}, {"id": 5, "name": "cat"}, {"id": 40, "name": "cow"}],
     "annotations": [
       {"id": 1, "image_id": 7, "category_id": 30, "bbox": [2, 1, 6.5, 4], "iscrowd": 0,
        "segmentation": [[2, 1, 8.5, 1, 8.5, 5, 2, 5]]},
       {"id": 2, "image_id": 7, "category_id": 5, "bbox": [0, 0, 20, 10]},
       {"id": 3, "image_id": 3, "category_id": 40, "bbox": [1, 1, 3, 3], "segmentation": {"size": [10, 20], "counts": [11, 2, 187]}},
       {"id": 4, "image_id": 3, "category_id": 5, "bbox": [1, 1, 9, 9], "iscrowd": 1}]}
    """

  @Test("COCO's annotations give a sample for each image and class, with boxes and masks; crowds are left out")
  func coco() throws {
    for name in ["a.png", "b.png"] { try image("images/\(name)", width: 20, height: 10) }
    let path = try folder.write("instances.json", Self.coco)
    let data = try ObjectImages.coco(annotations: path, images: folder.file("images"))
    #expect(data.classNames == ["cat", "dog", "cow"] && data.count == 3)
    let dog = try data.sample(at: 1)
    #expect(dog.label == 1 && dog.labels == [0, 1])
    let object = try #require(dog.objects.first { $0.label == 1 })
    #expect(object.columns == 2..<9 && object.rows == 1..<5)
    #expect(object.mask?.count { $0 } == 7 * 4 - 4 || object.mask?.count { $0 } == 7 * 4)
    let cow = try data.sample(at: 2)
    #expect(cow.labels == [2] && cow.objects[0].mask?.count { $0 } == 2)
    #expect(cow.objects[0].mask?[1 * 20 + 1] == true && cow.objects[0].mask?[2 * 20 + 1] == true)

    let images = try ObjectImages.coco(annotations: path, images: folder.file("images"), samples: .images)
    #expect(try images.count == 2 && images.sample(at: 0).label == 0)
  }

  @Test(
    "files that are not in COCO's format, or contradict themselves, are errors with the place",
    arguments: [
      ("{\"images\"", "{\"photos\"", "no 'images'"), ("]}", "]", "not JSON, or cut off"),
      ("\"id\": 3, \"file_name\"", "\"id\": 7, \"file_name\"", "image 7 is both"),
      ("\"id\": 5, \"name\"", "\"id\": 30, \"name\"", "category 30 is both 'dog' and 'cat'"),
      ("\"image_id\": ", "\"image\": ", "no object in it is of use"),
      ("\"annotations\": [", "\"annotations\": 1, \"x\": [", "at .annotations"),
    ])
  func brokenCOCO(_ old: String, _ new: String, _ expected: String) throws {
    let path = try folder.write("instances.json", Self.coco.replacing(old, with: new))
    let found = message { _ = try ObjectImages.coco(annotations: path, images: folder.file("images")) }
    #expect(found.hasPrefix(path) && found.contains(expected), "\(found)")
  }

  // MARK: VOC

  private func annotation(_ objects: String) -> String {
    "<annotation><size><width>20</width></size>\n\(objects)\n</annotation>"
  }

  private func object(_ name: String, _ box: [Int], difficult: Int = 0) -> String {
    """
    <object><name>\(name)</name><difficult>\(difficult)</difficult>
    <part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>
    <bndbox><xmin>\(box[0])</xmin><ymin>\(box[1])</ymin><xmax>\(box[2])</xmax><ymax>\(box[3])</ymax></bndbox></object>
    """
  }

  @Test(
    "a VOC tree gives a sample for each image and class, with boxes counted from 1; difficult objects may be left out")
  func voc() throws {
    try folder.write("ImageSets/Main/val.txt", "000001  1\n000002 -1\n")
    try folder.write(
      "Annotations/000001.xml",
      annotation(object("dog", [2, 3, 10, 8]) + object("cat", [1, 1, 20, 10], difficult: 1)))
    try folder.write("Annotations/000002.xml", annotation(object("person", [5, 5, 6, 6])))
    // The image format is detected from the content, not from the name.
    for name in ["000001", "000002"] { try image("JPEGImages/\(name).jpg", width: 20, height: 10) }
    let data = try ObjectImages.voc(folder.path, split: "val")
    #expect(data.classNames.count == 20 && data.count == 3)
    let samples = try (0..<3).map { try data.sample(at: $0) }
    #expect(samples.map { data.classNames[$0.label] } == ["cat", "dog", "person"])
    #expect(samples[1].labels.map { data.classNames[$0] } == ["cat", "dog"])
    let dog = try #require(samples[1].objects.first { data.classNames[$0.label] == "dog" })
    #expect(dog.columns == 1..<10 && dog.rows == 2..<8)
    let easy = try ObjectImages.voc(folder.path, split: "val", includesDifficult: false)
    #expect(easy.count == 2)
  }

  @Test("broken annotations of VOC are errors that name the file and the line")
  func brokenVOC() throws {
    try folder.write("ImageSets/Main/val.txt", "000001\n")
    func found(_ text: String) throws -> String {
      let path = try folder.write("Annotations/000001.xml", text)
      let found = message { _ = try ObjectImages.voc(folder.path, split: "val") }
      #expect(found.hasPrefix(path))
      return found
    }
    #expect(try found(annotation(object("unicorn", [1, 1, 2, 2]))).contains("line 2: the class 'unicorn'"))
    #expect(try found("<annotation><object>").contains("broken XML"))
    let bomb =
      "<!DOCTYPE a [<!ENTITY x \"" + String(repeating: "y", count: 1000) + "\">"
      + (0..<8).map {
        "<!ENTITY x\($0) \"" + String(repeating: "&x\($0 == 0 ? "" : String($0 - 1));", count: 10) + "\">"
      }.joined()
      + "]><annotation><object><name>&x7;</name></object></annotation>"
    _ = try found(bomb)
    _ = try found(String(repeating: "<a>", count: 100_000))
    #expect(message { _ = try ObjectImages.voc(folder.path, split: "test") }.contains("ImageSets/Main/test.txt"))
  }

  // MARK: Damage

  @Test(
    "damaged data files are errors, never crashes",
    arguments: ["digits-labels.idx", "digits-images.idx.gz", "coco", "voc", "cifar", "csv", "hdf5", "annotated.h5"])
  func damage(_ name: String) throws {
    try folder.write("ImageSets/Main/val.txt", "000001\n")
    try Files.makeFolder(folder.file("Annotations"))
    let target = folder.file(name == "voc" ? "Annotations/000001.xml" : "damaged")
    switch name {
    case "coco": try folder.write("damaged", Self.coco)
    case "voc": try folder.write("Annotations/000001.xml", annotation(object("dog", [2, 3, 10, 8])))
    case "cifar": try Data((0..<2 * 3073).map { UInt8(truncatingIfNeeded: $0 % 3073 * 7) }).write(to: url(target))
    case "csv": try folder.write("damaged", "image,label,l,t,r,b\n\"a,b.png\",cat,1,2,3.5,4e0\nb.png,dog,0,0,1,1\n")
    case "hdf5":
      try PackedImages.write(3, classNames: ["a", "b"], to: target) { index in
        let object = Sample.Object(label: 1, columns: 0..<2, rows: 1..<2, mask: [Bool](repeating: true, count: 20))
        return Sample(
          image: RGBImage(width: 5, height: 4) { $0.update(repeating: UInt8(index)) }, label: index % 2,
          labels: [0, 1],
          objects: [object], source: "")
      }
    default: try FileManager.default.copyItem(atPath: fixture(name), toPath: target)
    }
    var fuzzer = Fuzzer(try Data(contentsOf: url(target)), seed: 3)
    for _ in 0..<Fuzzer.rounds(500) {
      try fuzzer.next().write(to: url(target))
      do {
        let data: any Dataset =
          switch name {
          case "coco": try ObjectImages.coco(annotations: target, images: folder.path)
          case "voc": try ObjectImages.voc(folder.path, split: "val")
          case "cifar": try CIFARBinary(.cifar10, [target])
          case "csv": try CSVList(target, columns: CSVList.Columns(box: ["l", "t", "r", "b"]))
          case "hdf5", "annotated.h5": try PackedImages(target)
          case "digits-labels.idx": try IDXImages(images: fixture("digits-images.idx.gz"), labels: target)
          default: try IDXImages(images: target, labels: fixture("digits-labels.idx"))
          }
        for index in 0..<min(3, data.count) { _ = try data.sample(at: index) }
      } catch is FileError {}
    }
  }

  private func url(_ path: String) -> URL { URL(fileURLWithPath: path) }
}
