import Components
import Foundation
import Formats
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import Datasets

@Suite("Data sets") struct DatasetTests {
  /// A folder of two classes with images of one color each.
  private static func folder(_ count: Int = 4, size: Int = 6) throws -> ScratchFolder {
    let folder = ScratchFolder()
    for (label, name) in ["ant", "bee"].enumerated() {
      try Files.makeFolder(folder.file(name))
      for i in 0..<count {
        let pixels = [UInt8](repeating: UInt8(label * 100 + i), count: size * size * 3)
        try RGBImage(width: size, height: size, pixels: pixels).writePNG(to: folder.file("\(name)/\(i).png"))
      }
    }
    return folder
  }

  private static let normalization = Normalization(mean: [0, 0.5, 0.5], std: [1, 0.5, 0.25])

  @Test("a folder of classes is read sorted by name")
  func imageFolder() throws {
    let folder = try Self.folder()
    let data = try ImageFolder(folder.path)
    #expect(data.classNames == ["ant", "bee"])
    #expect(data.count == 8)
    #expect(try (0..<8).map { try data.sample(at: $0).label } == [0, 0, 0, 0, 1, 1, 1, 1])
    #expect(try data.sample(at: 6).image.pixels[0] == 102)
    #expect(data.spread(4) == [0, 2, 4, 6])
    #expect(data.spread(100) == Array(0..<8))
  }

  @Test("images in subfolders of a class belong to it, and other files are ignored")
  func nestedFolder() throws {
    let folder = try Self.folder(2)
    for name in ["ant/later/x/0.png", "ant/earlier/0.PNG"] {
      try Files.makeFolder(Paths.folder(of: folder.file(name)))
      try FileManager.default.copyItem(atPath: folder.file("bee/0.png"), toPath: folder.file(name))
    }
    try folder.write("ant/notes.txt", "none")
    let data = try ImageFolder(folder.path)
    let sources = try (0..<4).map { try data.sample(at: $0).source.replacing(folder.path + "/", with: "") }
    #expect(data.count == 6 && sources == ["ant/0.png", "ant/1.png", "ant/earlier/0.PNG", "ant/later/x/0.png"])
    #expect(try data.sample(at: 3).label == 0 && data.sample(at: 4).label == 1)
    try FileManager.default.createSymbolicLink(atPath: folder.file("bee/loop"), withDestinationPath: folder.file("bee"))
    #expect(throws: FileError.self) { try ImageFolder(folder.path) }
  }

  @Test("images of unsupported formats are errors that name them, and are not left out")
  func otherKinds() throws {
    let folder = try Self.folder(2)
    try folder.write("ant/2.webp", "RIFF\u{4}\0\0\0WEBP")
    let data = try ImageFolder(folder.path)
    #expect(data.count == 5)
    let error = #expect(throws: FileError.self) { try data.sample(at: 2) }
    #expect(error?.file == folder.file("ant/2.webp") && error?.message == "neither a PNG nor a JPEG image")
  }

  @Test("a missing folder, one without classes, and an empty class are errors that name them")
  func brokenFolders() throws {
    let folder = ScratchFolder()
    #expect(throws: FileError.self) { try ImageFolder(folder.file("none")) }
    #expect(throws: FileError.self) { try ImageFolder(folder.path) }
    try Files.makeFolder(folder.file("empty"))
    let error = #expect(throws: FileError.self) { try ImageFolder(folder.path) }
    #expect(error?.file == folder.file("empty"))
  }

  @Test("a broken image in a batch, and one of another size, are errors that name the file")
  func brokenImages() throws {
    let folder = try Self.folder()
    let source = BatchSource(try ImageFolder(folder.path), size: 8, normalization: Self.normalization)
    let data = try Data(contentsOf: URL(fileURLWithPath: folder.file("bee/2.png")))
    try data.prefix(40).write(to: URL(fileURLWithPath: folder.file("bee/2.png")))
    let prefetcher = Prefetcher(source, steps: 0..<3)
    let error = #expect(throws: FileError.self) { try prefetcher.next() }
    #expect(error?.file == folder.file("bee/2.png"))
    try FileManager.default.removeItem(atPath: folder.file("bee/2.png"))
    try RGBImage(width: 2, height: 3, pixels: [UInt8](repeating: 0, count: 18)).writePNG(to: folder.file("bee/2.png"))
    let other = #expect(throws: FileError.self) { try source.batch(step: 0) }
    #expect(other?.description.contains("2×3") == true || other?.description.contains("6×6") == true)
  }

  @Test("CIFAR's binary records are a label and three planes")
  func cifar() throws {
    let folder = ScratchFolder()
    let record = [UInt8(7)] + (0..<3).flatMap { c in (0..<1024).map { UInt8(($0 + c * 50) % 256) } }
    let path = folder.file("batch.bin")
    try Data(record + record).write(to: URL(fileURLWithPath: path))
    let data = try CIFARBinary(.cifar10, [path, path])
    #expect(data.count == 4)
    let sample = try data.sample(at: 3)
    #expect(sample.label == 7 && data.classNames[7] == "horse")
    #expect(Array(sample.image.pixels.prefix(6)) == [0, 50, 100, 1, 51, 101])
    let hundred = folder.file("hundred.bin")
    try Data([3, 99] + record.dropFirst()).write(to: URL(fileURLWithPath: hundred))
    #expect(try CIFARBinary(.cifar100, [hundred]).sample(at: 0).label == 99)
    #expect(try CIFARBinary(.cifar100, [hundred]).classNames[99] == "99")
    let names = (0..<100).map { "name \($0)" }
    try folder.write("fine_label_names.txt", names.joined(separator: "\n") + "\n\n")
    #expect(try CIFARBinary(.cifar100, [hundred]).classNames == names)
    try folder.write("fine_label_names.txt", "apple\n")
    let short = #expect(throws: FileError.self) { try CIFARBinary(.cifar100, [hundred]) }
    #expect(short?.description.contains("1 names, where 100 are expected") == true)

    try Data(record.dropLast()).write(to: URL(fileURLWithPath: path))
    #expect(throws: FileError.self) { try CIFARBinary(.cifar10, [path]) }
    try Data([12] + record.dropFirst()).write(to: URL(fileURLWithPath: path))
    let error = #expect(throws: FileError.self) { try CIFARBinary(.cifar10, [path]) }
    #expect(error?.description.contains("label 12") == true)
  }

  @Test("batches do not depend on the number of threads, and a resumed loader continues where another stopped")
  func determinism() throws {
    let source = BatchSource(
      Scenes(count: 50, size: 16, seed: 3), size: 8, normalization: Self.normalization,
      augmentation: [HorizontalFlip(), PaddedCrop(2)], seed: 5)
    func batches(_ steps: Range<Int>, threads: Int, granted: Int = .max) throws -> [[Float]] {
      var asked = 0
      let prefetcher = Prefetcher(source, steps: steps, threads: threads, ahead: 2) { body in
        asked += 1
        return asked <= granted && Crew.startThread(body)
      }
      var all: [[Float]] = []
      while let batch = try prefetcher.next() { all.append(batch.images.floats) }
      return all
    }
    let one = try batches(0..<14, threads: 1)
    #expect(one.count == 14)
    #expect(try batches(0..<14, threads: 3) == one)
    #expect(try batches(9..<14, threads: 2) == Array(one[9...]))
    // If the system refuses to start threads, the started ones or the caller do all the work.
    for granted in [0, 1] { #expect(try batches(0..<14, threads: 3, granted: granted) == one) }
    #expect(one[0] != one[6])  // another epoch has another order
    #expect(source.order(epoch: 1).sorted() == Array(0..<50))
    #expect(source.order(epoch: 1) != source.order(epoch: 2))
    // Orders are cached, and are the same when they are computed again.
    let orders = (0..<4).map { source.order(epoch: $0) }
    let again = [3, 0, 2, 1, 1, 2].map {
      BatchSource(source.dataset, size: 8, normalization: Self.normalization, seed: 5).order(epoch: $0)
    }
    #expect(again == [3, 0, 2, 1, 1, 2].map { orders[$0] } && source.order(epoch: 0) == orders[0])
  }

  @Test(
    "the shards of a batch together are the whole batch, augmented and mixed as on one machine",
    arguments: [false, true])
  func shards(isMixed: Bool) throws {
    func source(_ shard: Shard) -> BatchSource {
      BatchSource(
        Scenes(count: 30, size: 16, seed: 3), size: 8, normalization: Self.normalization,
        augmentation: [HorizontalFlip(), PaddedCrop(2)],
        mixing: isMixed ? [Mixup(0.5), CutMix(1)] : [], seed: 5, shard: shard)
    }
    for count in [1, 2, 3, 8] {
      for step in [0, 2, 5] {
        let whole = try source(.whole).batch(step: step)
        let parts = try (0..<count).map { try source(Shard($0, of: count)).batch(step: step) }
        #expect(parts.flatMap(\.indices) == whole.indices)
        #expect(parts.flatMap(\.images.floats) == whole.images.floats)
        #expect(parts.flatMap(\.targets) == whole.targets)
        #expect(parts.allSatisfy { abs(Double($0.labels.count) - 8 / Double(count)) < 1 })
      }
    }
  }

  /// A data set that counts how often each sample is requested.
  private final class Counting: Dataset {
    let classNames = ["a", "b"]
    let count = 6
    private let asked = Mutex([Int](repeating: 0, count: 6))
    var counts: [Int] { asked.withLock(\.self) }

    func sample(at index: Int) throws -> Sample {
      asked.withLock { $0[index] += 1 }
      if index == 4 { throw FileError(.malformed, "all.h5", "image 4 cannot be read") }
      if index == 5 { throw FileError(.malformed, "all.h5", "image 5 cannot be read") }
      let image = RGBImage(width: 8, height: 4, pixels: [UInt8](repeating: UInt8(index), count: 96))
      return Sample(
        image: image, label: index % 2, objects: [.init(label: 0, columns: 2..<4, rows: 0..<4)], source: "\(index)")
    }
  }

  @Test("broken images are skipped and each is counted once, even if it is read often or several are in one file")
  func skipping() throws {
    let source = BatchSource(Counting(), size: 6, normalization: Self.normalization, brokenImages: .skip)
    for step in 0..<3 { #expect(try source.batch(step: step).indices.sorted() == [0, 1, 2, 3]) }
    #expect(try source.batch([3, 4, 5, 1]).indices == [3, 1])
    #expect(source.skipped.all.map(\.message) == ["image 4 cannot be read", "image 5 cannot be read"])
    // A batch in which all images are broken is still an error.
    #expect(throws: FileError.self) { try source.batch([4, 5]) }
  }

  @Test("cached images are read only once, and the batches are the same as without a cache")
  func cache() throws {
    func source(_ data: Counting, limit: Int?) -> BatchSource {
      BatchSource(
        data, size: 4, normalization: Self.normalization, resizeCrop: ResizeCrop(crop: 4),
        augmentation: [HorizontalFlip()],
        seed: 1, brokenImages: .skip, cacheLimit: limit)
    }
    let (plain, kept, partly) = (Counting(), Counting(), Counting())
    // Cropped images have 48 bytes: two of them fit into 100.
    let sources = [source(plain, limit: nil), source(kept, limit: 1 << 20), source(partly, limit: 100)]
    for step in 0..<8 {
      let batches = try sources.map { try $0.batch(step: step).images.floats }
      #expect(batches[1] == batches[0] && batches[2] == batches[0])
    }
    #expect(kept.counts[0..<4].allSatisfy { $0 == 1 } && kept.counts[4] == plain.counts[4])
    #expect(partly.counts[0..<4].count { $0 == 1 } == 2)
    // Batches for evaluation have objects, which training batches leave out.
    for _ in 0..<2 { #expect(try sources[1].batch([0, 1]).objects.map(\.count) == [1, 1]) }
    #expect(kept.counts[0..<2].allSatisfy { $0 == 2 })
  }

  @Test("normalization is per channel, and augmentation moves whole pixels")
  func augmentation() {
    let image = RGBImage(width: 2, height: 1, pixels: [0, 255, 51, 255, 0, 102])
    let values = Self.normalization([image]).floats
    for (found, expected) in zip(values, [0, 1, -1.2, 1, -1, -0.4] as [Float]) { #expect(abs(found - expected) < 1e-6) }
    var random = RandomSource(seed: 0, purpose: "test")
    let flips = Set(
      (0..<20).map { _ in HorizontalFlip()(image, background: [0, 0, 0], using: &random).pixels })
    #expect(flips == [[0, 255, 51, 255, 0, 102], [255, 0, 102, 0, 255, 51]])
    let crops = Set(
      (0..<200).map { _ in PaddedCrop(1)(image, background: [0, 0, 0], using: &random).pixels })
    #expect(crops.contains([0, 0, 0, 0, 255, 51]) && crops.contains([255, 0, 102, 0, 0, 0]))
    #expect(crops.contains([0, 0, 0, 0, 0, 0]) && crops.contains(image.pixels))
  }

  @Test(
    "CIFAR-10's own pixels and folders of JPEGs are read",
    .enabled(if: Shared.exists("data/cifar10"), "../shared/data is not there"))
  func real() throws {
    let folder = try ImageFolder(Shared.path("data/cifar10/validation"))
    #expect(folder.count == 2500 && folder.classNames.count == 10)
    let binary = try CIFARBinary(.cifar10, [Shared.path("data/cifar10-binary/test_batch.bin")])
    #expect(binary.count == 500)
    #expect(binary.classNames == folder.classNames)
  }
}
