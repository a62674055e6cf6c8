import Foundation
import Tensors
import TestSupport
import Testing

@testable import Formats

/// What is written in HDF5 here: sealed with checksums, so that damage is found.
@Suite("HDF5 files") struct HDF5Tests {
  private let folder = ScratchFolder()

  private static let contents: HDF5Contents = {
    var contents = HDF5Contents()
    var random = RandomSource(seed: 2, purpose: "test")
    // More objects in a group than the format keeps in one place.
    for i in 0..<12 { contents.add("model/layer\(i % 3)/weight.\(i)", .tensor(.normal([i, 3], using: &random))) }
    contents.add("run/best", .tensor(Tensor(0.5)))
    contents.add("run/step", .integers([3, -1]))
    contents.attributes = ["recipe": String(repeating: "model: resnet20\n", count: 300), "classes": "10"]
    return contents
  }()

  private func isSame(_ read: HDF5Contents) -> Bool {
    read.attributes == Self.contents.attributes && read.dataSets.count == Self.contents.dataSets.count
      && Self.contents.dataSets.allSatisfy { path, value in
        switch value {
        case .tensor(let tensor), .half(let tensor):
          read.tensor(path)?.shape == tensor.shape && read.tensor(path)?.doubles == tensor.doubles
        case .integers(let integers): read.integers(path) == integers
        }
      }
  }

  @Test("a file comes back as it went, and its bytes do not depend on the time")
  func roundTrip() async throws {
    let (first, second) = (folder.file("1.h5"), folder.file("2.h5"))
    try HDF5File.write(Self.contents, to: first)
    #expect(isSame(try HDF5File.read(first)))
    try await Task.sleep(for: .milliseconds(1100))
    try HDF5File.write(Self.contents, to: second)
    #expect(try Files.read(first) == Files.read(second))
  }

  @Test("a file of ours that is cut off or changed anywhere is an error, or is read as it was; never a crash")
  func damaged() throws {
    let path = folder.file("w.h5")
    try HDF5File.write(Self.contents, to: path)
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    var fuzzer = Fuzzer(data, seed: 7)
    var (refused, missed) = (0, 0)
    let rounds = Fuzzer.rounds(800)
    for _ in 0..<rounds {
      try fuzzer.next().write(to: URL(fileURLWithPath: path))
      do { if !isSame(try HDF5File.read(path)) { missed += 1 } } catch let error as FileError {
        #expect(error.file == path)
        refused += 1
      }
    }
    #expect(refused > rounds * 3 / 4)
    // HDF5's checksum, Fletcher's, takes 0 and 65535 for the same.
    #expect(missed <= rounds / 20_000)
  }

  @Test("elements in other files are not read")
  func external() {
    let error = #expect(throws: FileError.self) { try HDF5File.read(fixture("external.h5")) }
    #expect(error?.message == "data set 'a': its elements lie in other files, which are not read")
  }
}
