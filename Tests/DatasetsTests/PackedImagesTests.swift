import Foundation
import Formats
import TestSupport
import Testing

@testable import Datasets

/// Images in one HDF5 file; `Fixtures/make_images.py` makes the fixtures.
@Suite("Images in one file") struct PackedImagesTests {
  private let folder = ScratchFolder()

  private func message(_ body: () throws -> Void) -> String {
    (#expect(throws: FileError.self) { try body() })?.description ?? ""
  }

  private func sample(width: Int, height: Int, _ value: Int = 0, label: Int = 0) -> Sample {
    Sample(
      image: RGBImage(width: width, height: height) { $0.update(repeating: UInt8(value)) }, label: label, source: "")
  }

  /// Expects that two data sets have the same classes, images, labels and objects.
  private func expectSame(_ one: any Dataset, _ other: any Dataset) throws {
    #expect(one.classNames == other.classNames && one.count == other.count)
    for index in 0..<one.count {
      let (a, b) = (try one.sample(at: index), try other.sample(at: index))
      #expect(a.image == b.image && a.label == b.label && a.labels == b.labels)
      #expect(a.objects.map(\.label) == b.objects.map(\.label) && a.objects.map(\.mask) == b.objects.map(\.mask))
      #expect(a.objects.map(\.columns) == b.objects.map(\.columns) && a.objects.map(\.rows) == b.objects.map(\.rows))
      let bare = try other.sampleWithoutObjects(at: index)
      #expect(bare.image == a.image && bare.labels == a.labels && bare.objects.isEmpty)
    }
  }

  @Test("images that h5py or metasal packed are read one at a time")
  func packed() throws {
    let data = try PackedImages(fixture("packed.h5"))
    #expect(data.classNames == ["ant", "bee", "cat"] && data.count == 3)
    #expect(try (0..<3).map { try data.sample(at: $0).label } == [2, 0, 1])
    let sample = try data.sample(at: 1)
    #expect(sample.image.width == 5 && sample.image.height == 4)
    #expect(sample.image.pixels == (60..<120).map { UInt8($0) } && sample.labels == [0] && sample.objects.isEmpty)

    try PackedImages.write(3, classNames: data.classNames, to: folder.file("own.h5")) { try data.sample(at: $0) }
    try expectSame(data, try PackedImages(folder.file("own.h5")))
  }

  @Test("all classes of an image, boxes and masks are read as h5py or metasal writes them")
  func annotated() throws {
    let data = try PackedImages(fixture("annotated.h5"))
    let samples = try (0..<3).map { try data.sample(at: $0) }
    #expect(samples.map(\.label) == [2, 0, 1] && samples.map(\.labels) == [[1, 2], [0], [1]])
    #expect(samples.map { $0.objects.map(\.label) } == [[2, 1], [], [1]])
    let (first, second) = (samples[0].objects[0], samples[0].objects[1])
    #expect(first.columns == 0..<5 && first.rows == 0..<4 && first.mask == nil)
    #expect(second.columns == 3..<4 && second.rows == 1..<2 && second.mask == (20..<40).map { $0 % 3 == 0 })
    #expect(samples[2].objects[0].mask == (0..<20).map { $0 % 3 == 0 })

    try PackedImages.write(3, classNames: data.classNames, to: folder.file("own.h5")) { try data.sample(at: $0) }
    try expectSame(data, try PackedImages(folder.file("own.h5")))
  }

  @Test("generated scenes are the same after packing")
  func scenes() throws {
    let scenes = Scenes(count: 20, size: 16, classes: 4, objects: 3, seed: 1)
    try PackedImages.write(20, classNames: scenes.classNames, to: folder.file("own.h5")) { scenes.sample(at: $0) }
    try expectSame(scenes, try PackedImages(folder.file("own.h5")))
  }

  @Test("images that are left out leave no gap, and no images at all are an error")
  func partlyPacked() throws {
    let path = folder.file("own.h5")
    let written = try PackedImages.write(5, classNames: ["a", "b"], to: path) { index in
      index % 2 == 1 ? nil : sample(width: 2, height: 3, index, label: index / 4)
    }
    let data = try PackedImages(path)
    #expect(written == 3 && data.count == 3)
    #expect(try (0..<3).map { try data.sample(at: $0).image.pixels[5] } == [0, 2, 4])
    #expect(try (0..<3).map { try data.sample(at: $0).label } == [0, 0, 1])
    #expect(
      message { try PackedImages.write(2, classNames: ["a"], to: path) { _ in nil } }.contains("no image to write"))
    #expect(try PackedImages(path).count == 3)
  }

  @Test("an unavailable filter of chunks is an error that names it, and so is a newer version of the format")
  func foreignPacks() {
    #expect(message { _ = try PackedImages(fixture("lzf.h5")) }.contains("the filter 32000 (lzf)"))
    #expect(
      message { _ = try PackedImages(fixture("lzf.h5"), names: ("none", "labels")) }.contains("no data set named"))
    // A newer HDF5 library than that of Debian 12 can read the file.
    do { _ = try PackedImages(fixture("newer.h5")) } catch {
      #expect("\(error)".contains("newer than the HDF5 library here"))
    }
  }

  @Test("images of several sizes are not packed and no file is left behind; other files are errors")
  func brokenPacks() throws {
    let path = folder.file("own.h5")
    #expect(
      message { try PackedImages.write(2, classNames: ["a"], to: path) { sample(width: 2 + $0, height: 2) } }
        .contains("image 1 is 3×2"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    #expect(message { _ = try PackedImages(fixture("packed.h5"), names: ("labels", "labels")) }.contains("'labels'"))
    try folder.write("classes", "one\ntwo\n")
    #expect(
      message { _ = try PackedImages(fixture("packed.h5"), classes: folder.file("classes")) }.contains("label 2"))
    let bytes = try Data(contentsOf: URL(fileURLWithPath: fixture("packed.h5")))
    try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: path))
    #expect(throws: FileError.self) { _ = try PackedImages(path).sample(at: 0) }
  }

  @Test(
    "annotations that do not fit the images are errors that name them",
    arguments: [
      ([3, 0, 0, 0, 1, 1, -1], "row 1 of 'annotations/objects': found [3, 0, 0, 0, 1, 1, -1]"),
      ([0, 2, 0, 0, 1, 1, -1], "found [0, 2,"), ([0, 0, 1, 0, 1, 1, -1], "found [0, 0, 1,"),
      ([0, 0, 0, 0, 4, 1, -1], "found [0, 0, 0, 0, 4,"), ([0, 0, 0, 0, 1, 3, -1], "found [0, 0, 0, 0, 1, 3"),
      ([0, 0, 0, 0, 1, 1, 1], "found [0, 0, 0, 0, 1, 1, 1]"), ([0, 0, 0, 0, 1, 1], "of the shape [objects, 7]"),
    ])
  func brokenAnnotations(_ object: [Int], _ expected: String) throws {
    let path = folder.file("own.h5")
    try HDF5Writer.write(to: path) { file in
      for _ in 0..<2 {
        try file.append(bytes: [UInt8](repeating: 0, count: 18), to: "images", sizes: [2, 3, 3])
        try file.append(numbers: [1], to: "labels")
      }
      try file.append(bytes: [UInt8](repeating: 1, count: 6), to: "annotations/masks", sizes: [2, 3])
      if object.count == 7 { try file.append(numbers: [1, 1, 0, 0, 3, 2, 0], to: "annotations/objects", sizes: [7]) }
      try file.append(numbers: object.map { Int64($0) }, to: "annotations/objects", sizes: [object.count])
    }
    let found = message { _ = try PackedImages(path) }
    #expect(found.contains(expected), "\(found)")
  }

  @Test(
    "labels may be a column, booleans, or floating-point integers",
    arguments: ["column", "cube", "truth", "fractions", "fraction column", "bytes"])
  func labels(_ name: String) throws {
    let data = try PackedImages(fixture("labels.h5"), names: ("images", name))
    #expect(try (0..<6).map { try data.sample(at: $0).label } == [0, 1, 0, 1, 1, 0] && data.classNames == ["0", "1"])
  }

  @Test(
    "labels that are not class indices, or not one per image, are errors that say so",
    arguments: [
      ("half", "element 2 is 0.5"), ("negative", "numbers from -1 to 0"), ("huge", "numbers from 0 to 1099511627776"),
      ("one-hot", "found the shape [6, 2]"), ("texts", "no list of whole numbers"),
      ("none", "no list of whole numbers"),
    ])
  func brokenLabels(_ name: String, _ expected: String) {
    let found = message { _ = try PackedImages(fixture("labels.h5"), names: ("images", name)) }
    #expect(found.contains(expected), "\(found)")
  }

  @Test("classes without images exist too")
  func gaps() throws {
    #expect(try PackedImages(fixture("labels.h5"), names: ("images", "wide")).classNames == (0...11).map(String.init))
  }

  @Test(
    "class names are lines of a text or a list of texts, an attribute or a data set, of any text type",
    arguments: ["list", "bytes", "set", "set-bytes", "ascii", "column", "crlf", "cr", "one"])
  func names(_ kind: String) throws {
    let last = ["list", "bytes", "set", "set-bytes"].contains(kind) ? "grüne Öl-Ente" : "owl"
    #expect(try PackedImages(fixture("names-\(kind).h5")).classNames == ["cat", "a dog", last])
  }
}
