import Foundation
import TestSupport
import Testing

@testable import Formats

@Suite("Event files for TensorBoard") struct EventLogTests {
  private let folder = ScratchFolder()
  private var path: String { folder.file("events.out.tfevents.test") }

  private func events(_ path: String) throws -> [Tensorboard_Event] { EventRecords.events(try Files.read(path)) }

  private func log(keeping keeps: (Int, String) -> Bool = { _, _ in false }) throws -> EventLog {
    try EventLog(path, keeping: keeps)
  }

  @Test("checksums are those of RFC 3720")
  func checksum() {
    #expect(CRC32C.sum(Array("123456789".utf8)) == 0xe306_9283)
    #expect(CRC32C.sum([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
    #expect(CRC32C.sum([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
  }

  /// The file is TensorBoard's own; see `Fixtures/make_events.py`.
  @Test("a file that TensorBoard wrote is read, and every record is written as TensorBoard writes it")
  func elsewhere() throws {
    let data = try Files.read(fixture("events.tfevents"))
    let events = EventRecords.events(data)
    #expect(events.count == 6 && events[0].fileVersion == "brain.Event:2")
    #expect(events.dropFirst().map(\.step) == [1, 2, 300, 2, 2] && events[3].wallTime == 1300.5)
    #expect(events[1...3].map { $0.summary.value[0].simpleValue } == [1, 0.5, 1 / 300])
    let (histogram, image) = (events[4].summary.value[0].histo, events[5].summary.value[0].image)
    #expect(histogram.bucketLimit == [1, 2, 4] && histogram.bucket == [1, 1, 1] && histogram.sumSquares == 13.25)
    #expect((image.width, image.height) == (3, 2) && image.encodedImageString.starts(with: PNGMark.signature))
    #expect(!EventRecords.areOwn(data))
    let written = try events.map { try EventRecords.record($0) }
    #expect(Data(written.joined()).count == data.count)
    #expect(EventRecords.events(Data(written.joined())) == events)
    // All but the image, which TensorBoard writes with fields in another order.
    #expect(try events.prefix(5).map { try EventRecords.record($0) }.allSatisfy { data.range(of: $0) != nil })
  }

  @Test("values that are added are in the file, which metasal knows as its own")
  func adding() throws {
    let log = try log()
    try RGBImage(width: 3, height: 2, pixels: [UInt8](repeating: 7, count: 18)).writePNG(to: folder.file("a.png"))
    let png = try Files.read(folder.file("a.png"))
    try log.add([.init("train/loss", .scalar(0.25)), .init("train/norms", .histogram([0.5, 2, .nan]))], step: 1)
    try log.add([.init("train/loss", .scalar(.infinity)), .init("figures/a", .png(Data("no image".utf8)))], step: 2)
    try log.add([.init("figures/a", .png(png))], step: 3)
    try log.sync()
    let events = try events(path)
    #expect(events.map(\.step) == [0, 1, 3], "an event without values is left out")
    #expect(events[0].fileVersion == "brain.Event:2" && abs(events[1].wallTime - Date.now.timeIntervalSince1970) < 3600)
    #expect(events[1].summary.value.map(\.tag) == ["train/loss", "train/norms"])
    #expect(events[1].summary.value[0].simpleValue == 0.25 && events[1].summary.value[1].histo.num == 2)
    let image = events[2].summary.value[0].image
    #expect((image.width, image.height, image.colorspace) == (3, 2, 3) && image.encodedImageString == png)
    #expect(Ownership.isOwn(path))
  }

  @Test("what is not kept, and a damaged end, are dropped when a file is opened again; what is kept stays as it is")
  func keeping() throws {
    let first = try log()
    for step in 1...4 {
      try first.add([.init("train/loss", .scalar(Double(step))), .init("other", .scalar(0))], step: step)
    }
    try first.sync()
    let before = try events(path)
    let whole = try Files.read(path)
    try (whole.dropLast(3)).write(to: URL(fileURLWithPath: path))
    let again = try log { step, tag in step != 2 && tag == "train/loss" }
    try again.add([.init("train/loss", .scalar(9))], step: 9)
    let after = try events(path)
    #expect(after.map(\.step) == [0, 1, 3, 9])
    #expect(after[0] == before[0] && after[1].wallTime == before[1].wallTime)
    #expect(after.dropFirst().allSatisfy { $0.summary.value.map(\.tag) == ["train/loss"] })
    // Any changed byte is noticed.
    for place in [0, 9, 20, whole.count - 1] {
      var damaged = whole
      damaged[place] ^= 1
      #expect(EventRecords.events(damaged).count < before.count, "byte \(place)")
    }
  }

  @Test("an event file of another program is not replaced")
  func foreign() throws {
    try FileManager.default.copyItem(atPath: fixture("events.tfevents"), toPath: path)
    #expect(throws: FileError.self) { try log() }
    #expect(try Files.read(path) == Files.read(fixture("events.tfevents")))
  }

  @Test("each number is in a histogram's bucket whose limits enclose it")
  func histogram() throws {
    let numbers = [0, 1e-20, 1e-3, 1e-3, 0.5, 0.51, 7, 7e5, -2, -2.01, -1e-9]
    let histogram = try #require(Tensorboard_HistogramProto(numbers))
    #expect((histogram.min, histogram.max, histogram.num) == (-2.01, 7e5, 11))
    #expect(histogram.bucket.reduce(0, +) == 11 && histogram.bucketLimit == histogram.bucketLimit.sorted())
    var lower = -Double.infinity
    for (limit, count) in zip(histogram.bucketLimit, histogram.bucket) {
      #expect(Double(numbers.count { $0 >= lower && $0 < limit }) == count, "from \(lower) to below \(limit)")
      lower = limit
    }
    #expect(Tensorboard_HistogramProto([.nan]) == nil)
    #expect(Tensorboard_HistogramProto([3, 3])?.bucket.reduce(0, +) == 2)
  }
}
