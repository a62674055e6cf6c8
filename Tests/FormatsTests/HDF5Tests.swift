import CHDF5Reader
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Formats

/// HDF5 files that metasal writes have checksums, so damage is found.
@Suite("HDF5 files") struct HDF5Tests {
  private let folder = ScratchFolder()

  private static let contents: HDF5Contents = {
    var contents = HDF5Contents()
    var random = RandomSource(seed: 2, purpose: "test")
    // More objects in a group than the format stores in one block.
    for i in 0..<12 { contents.add("model/layer\(i % 3)/weight.\(i)", .tensor(.normal([i, 3], using: &random))) }
    contents.add("run/best", .tensor(Tensor(0.5)))
    contents.add("run/step", .integers([3, -1]))
    contents.attributes = ["recipe": String(repeating: "model: resnet20\n", count: 300), "classes": "10"]
    return contents
  }()

  private func isSame(_ read: HDF5Contents) -> Bool {
    read.attributes == Self.contents.attributes.merging(["software": "metasal"]) { $1 }
      && read.dataSets.count == Self.contents.dataSets.count
      && Self.contents.dataSets.allSatisfy { path, value in
        switch value {
        case .tensor(let tensor), .half(let tensor):
          read.tensor(path)?.shape == tensor.shape && read.tensor(path)?.doubles == tensor.doubles
        case .integers(let integers): read.integers(path) == integers
        }
      }
  }

  @Test("a file that was written is read back unchanged, and its bytes do not depend on the time")
  func roundTrip() async throws {
    let (first, second) = (folder.file("1.h5"), folder.file("2.h5"))
    try HDF5File.write(Self.contents, to: first)
    #expect(isSame(try HDF5File.read(first)))
    try await Task.sleep(for: .milliseconds(1100))
    try HDF5File.write(Self.contents, to: second)
    #expect(try Files.read(first) == Files.read(second))
  }

  @Test("a truncated or damaged file of metasal is an error or is read unchanged, and never crashes")
  func damaged() throws {
    let path = folder.file("w.h5")
    try HDF5File.write(Self.contents, to: path)
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    var fuzzer = Fuzzer(data, seed: 7)
    var (refused, missed) = (0, 0)
    let rounds = Fuzzer.rounds(120)
    for _ in 0..<rounds {
      try fuzzer.next().write(to: URL(fileURLWithPath: path))
      do { if !isSame(try HDF5File.read(path)) { missed += 1 } } catch let error as FileError {
        #expect(error.file == path)
        refused += 1
      }
    }
    #expect(refused > rounds * 3 / 4)
    // HDF5's Fletcher checksum does not distinguish 0 from 65535.
    #expect(missed <= rounds / 20_000)
  }

  /// Copies a fixture next to a FIFO, which would block for ever if it was opened.
  private func besideFIFO(_ name: String) throws -> String {
    let path = folder.file(name)
    try FileManager.default.copyItem(atPath: fixture(name), toPath: path)
    #expect(mkfifo(folder.file("fifo"), 0o600) == 0)
    return path
  }

  @Test("elements in other files are not read, nor are these files opened", arguments: ["external.h5", "virtual.h5"])
  func external(_ name: String) throws {
    let path = try besideFIFO(name)
    let error = #expect(throws: FileError.self) { try HDF5File.read(path) }
    #expect(error?.message == "data set 'a': its elements lie in other files, which are not read")
    #expect(throws: FileError.self) { try HDF5Rows(HDF5Reader(path), "a", axes: ["rows", "3"]) }
  }

  @Test("links to other files are not followed, by their own names or through others")
  func links() throws {
    let path = try besideFIFO("links.h5")
    let file = try HDF5Reader(path)
    #expect(try file.dataSet("own")?.shape == [3])
    for (name, message) in [
      ("group/images", "'group/images' is a link to another file"), ("group/images/a", "is a link to another file"),
      ("group/soft", "cannot be opened"),
    ] {
      let error = #expect(throws: FileError.self) { try file.dataSet(name) }
      #expect(error?.message.contains(message) == true, "\(name): \(error?.message ?? "")")
    }
    let error = #expect(throws: FileError.self) { try HDF5File.read(path) }
    #expect(error?.file == path && error?.message.contains("'group/images' is a link to another file") == true)
  }

  @Test("data sets with missing elements are an error, not zeros")
  func neverWritten() throws {
    let file = try HDF5Reader(fixture("never_written.h5"))
    for (name, message) in [
      ("a", "has no elements in the file"), ("b", "only 4 of its 6 chunks are in the file"),
      ("c", "only 0 of its 3 chunks"), ("n", "has no elements in the file"),
    ] {
      let error = #expect(throws: FileError.self) { try file.contents(of: name) }
      #expect(error?.message.contains("'\(name)': \(message)") == true, "\(name): \(error?.message ?? "")")
    }
    #expect(throws: FileError.self) { try WeightFile.read(fixture("never_written.h5")) }
  }

  @Test("names and texts that HDF5 cannot store completely are refused, not cut off")
  func names() {
    var contents = HDF5Contents()
    contents.add("a\0b", .integers([1]))
    #expect(throws: FileError.self) { try HDF5File.write(contents, to: folder.file("w.h5")) }
    contents = HDF5Contents()
    contents.attributes = ["text": "a\0b"]
    #expect(throws: FileError.self) { try HDF5File.write(contents, to: folder.file("w.h5")) }
    #expect(!FileManager.default.fileExists(atPath: folder.file("w.h5")))
  }

  @Test(
    "files of h5py are read in the oldest and in newer versions of the format",
    arguments: ["earliest", "v110"])
  func versions(_ version: String) throws {
    let contents = try HDF5File.read(fixture("\(version).h5"))
    // A data set with two names is read once, under the first.
    #expect(contents.dataSets.map(\.path) == ["model/a", "model/again", "model/b", "model/c", "model/empty"])
    #expect(contents.tensor("model/a")?.doubles == (0..<60).map { Double($0) / 8 })
    #expect(contents.tensor("model/b")?.doubles == (0..<12).map { Double($0) / 8 })
    #expect(contents.tensor("model/c")?.doubles == (0..<12).map { Double($0 / 8) })
    #expect(contents.tensor("model/empty")?.shape == [0, 3])
    #expect(contents.integers("model/again") == [7, -8])
    // A list of texts is read as one text with a line for each.
    #expect(contents.attributes == ["title": "made by h5py", "fixed": "of so many bytes", "texts": "several\ntexts\n"])
  }

  // MARK: The process that reads

  /// Whether a process has ended and its status was collected.
  private func isGone(_ number: pid_t) -> Bool { waitpid(number, nil, WNOHANG) == -1 && errno == ECHILD }

  @Test(
    "a crash or hang of the library is an error that says so, and leaves no process behind",
    arguments: [(SIGSEGV, "ended with signal 11"), (SIGXCPU, "took too long"), (SIGKILL, "ended with signal 9")])
  func crash(_ signal: Int32, _ expected: String) throws {
    let file = try HDF5Reader(fixture("weights.h5"))
    #expect(try file.names().count == 6)
    kill(file.process.number, signal)
    for _ in 0..<2 {
      let error = #expect(throws: FileError.self) { try file.names() }
      #expect(error?.file == fixture("weights.h5"))
      #expect(error?.message.contains(expected) == true)
    }
    #expect(isGone(file.process.number))
  }

  @Test("an interrupt does not end the reading process, which may be needed to finish the current work")
  func interrupt() throws {
    let file = try HDF5Reader(fixture("weights.h5"))
    for signal in [SIGINT, SIGTERM, SIGHUP] { kill(file.process.number, signal) }
    #expect(try file.names().count == 6)
  }

  @Test("reading that exceeds its memory limit is an error")
  func memory() throws {
    let process = try HDF5Process(fixture("weights.h5"), metasal_hdf5_limits(bytes: 1 << 28, seconds: 10))
    var request = metasal_hdf5_request()
    request.what = Int32(METASAL_HDF5_READ)
    (request.bytes, request.limits) = (1 << 28, metasal_hdf5_limits(bytes: 1 << 20, seconds: 10))
    let error = #expect(throws: FileError.self) { try process.ask(request) }
    #expect(error?.message.contains("ran out of memory") == true)
  }

  @Test("opening files many times leaves no processes or descriptors behind")
  func opening() throws {
    func descriptors() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count }
    let before = try descriptors()
    for _ in 0..<200 {
      let number = try HDF5Reader(fixture("weights.h5")).process.number
      #expect(isGone(number))
      #expect(throws: FileError.self) { try HDF5Reader(fixture("rgb.png")) }
    }
    // Other tests may have files open at the same time.
    #expect(try descriptors() < before + 100)
  }

  @Test("several threads can read one file at the same time")
  func threads() throws {
    let path = folder.file("images.h5")
    try HDF5Writer.write(to: path) { file in
      for i in 0..<50 {
        try file.append(bytes: [UInt8](repeating: UInt8(i), count: 600), to: "group/large", sizes: [10, 60])
        try file.append(bytes: [UInt8(i), 7], to: "group/small", sizes: [2])
      }
    }
    let file = try HDF5Reader(path)
    let large = try HDF5Rows(file, "group/large", axes: ["rows", "10", "60"])
    let small = try HDF5Rows(file, "group/small", axes: ["rows", "2"])
    #expect(large.shape == [50, 10, 60] && small.shape == [50, 2])
    DispatchQueue.concurrentPerform(iterations: 400) { i in
      let row = UInt8(i % 50)
      let isRight = try? i % 3 == 0 ? small[i % 50] == [row, 7] : large[i % 50] == [UInt8](repeating: row, count: 600)
      #expect(isRight == true)
    }
  }
}
