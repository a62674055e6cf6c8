import Foundation
import TestSupport
import Testing

@testable import Formats

/// A model with external data, from `Fixtures/make_onnx.py`, and the places where these data may be.
@Suite("Elements of ONNX models in other files") struct ONNXElsewhereTests {
  private let folder = ScratchFolder()
  private static let stated = "elsewhere.onnx.data"

  /// Writes the model to its own folder, with another location of the same length for its elements.
  private func model(_ location: String = stated) throws -> String {
    var model = try Data(contentsOf: URL(fileURLWithPath: fixture("elsewhere.onnx")))
    let (old, new) = (Data(Self.stated.utf8), Data(location.utf8))
    #expect(old.count == new.count, "\(location)")
    var count = 0
    while location != Self.stated, let range = model.range(of: old) {
      model.replaceSubrange(range, with: new)
      count += 1
    }
    #expect(location == Self.stated || count > 0)
    try Files.makeFolder(folder.file("model"))
    try model.write(to: URL(fileURLWithPath: folder.file("model/m.onnx")))
    return folder.file("model/m.onnx")
  }

  private func writeElements(_ name: String) throws {
    try Files.makeFolder(folder.file("model"))
    try FileManager.default.copyItem(atPath: fixture(Self.stated), toPath: folder.file(name))
  }

  private func link(_ name: String, _ destination: String) throws {
    try Files.makeFolder(folder.file("model"))
    try FileManager.default.createSymbolicLink(atPath: folder.file(name), withDestinationPath: destination)
  }

  private func expectRefusal(_ path: String, _ message: String) throws {
    let error = #expect(throws: FileError.self) { try WeightFile.read(path) }
    #expect(error?.file == path && error?.kind == .malformed)
    #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
  }

  @Test("a link to a file in the model's folder is followed, as is one to the model's folder")
  func within() throws {
    let expected = try WeightFile.read(fixture("elsewhere.onnx"))
    let path = try model()
    try writeElements("model/elements")
    try link("model/" + Self.stated, "elements")
    try link("other", "model")
    for path in [path, folder.file("other/m.onnx")] {
      let found = try WeightFile.read(path)
      #expect(found.names == expected.names)
      #expect(zip(found.entries, expected.entries).allSatisfy { $0.value.hasSameElements(as: $1.value) })
    }
  }

  @Test("a link that leads out of the model's folder is an error that says so")
  func linkOutside() throws {
    let path = try model()
    try writeElements("outside")
    try link("model/" + Self.stated, "../outside")
    try expectRefusal(path, "a link that leads out of \(folder.file("model")), which is not followed")
    unlink(folder.file("model/" + Self.stated))
    try link("model/" + Self.stated, folder.file("outside"))
    try expectRefusal(path, "a link that leads out of")
  }

  @Test("a folder that is a link out of the model's folder is refused as well")
  func folderOutside() throws {
    let path = try model("aside/elements.data")
    try Files.makeFolder(folder.file("out"))
    try writeElements("out/elements.data")
    try link("model/aside", "../out")
    try expectRefusal(path, "a link that leads out of")
  }

  @Test(
    "a location in another folder is refused, even if a file is there",
    arguments: ["../elements.onnx.da", "a/../elements.onnx.", "./.././elements.onn", "/tmp/elements.onnx."])
  func outside(_ location: String) throws {
    let path = try model(location)
    // The location that the model names exists.
    for name in ["model/a", "model/tmp"] { try Files.makeFolder(folder.file(name)) }
    for name in ["elements.onnx.da", "model/elements.onnx.", "elements.onn"] { try writeElements(name) }
    try expectRefusal(path, "in '\(location)', where a file in the model's folder is expected")
  }

  @Test("anything but a regular file is refused without blocking")
  func noFile() throws {
    let path = try model()
    try expectRefusal(path, "no such file")
    #expect(mkfifo(folder.file("model/" + Self.stated), 0o600) == 0)
    try expectRefusal(path, "a FIFO, where a file is expected")
    unlink(folder.file("model/" + Self.stated))
    try link("model/" + Self.stated, "/dev/zero")
    try expectRefusal(path, "a device, where a file is expected")
  }
}
