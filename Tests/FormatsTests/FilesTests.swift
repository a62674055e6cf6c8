import Components
import Foundation
import TestSupport
import Testing

@testable import Formats

/// How files are opened for reading, and how outputs replace existing files.
@Suite("Files") struct FilesTests {
  private let folder = ScratchFolder()

  private func text(_ path: String) throws -> String { String(decoding: try Files.read(path), as: UTF8.self) }

  private func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }

  private func mode(_ path: String) throws -> Int {
    (try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber)?.intValue ?? -1
  }

  /// A text with metasal's mark, so that it may be replaced.
  private func own(_ text: String) -> String { Ownership.marked(text) }

  /// The error message of writing to a path.
  private func refusal(_ path: String) -> String {
    let error = #expect(throws: FileError.self) { try Files.write(Data("new".utf8), to: path) }
    #expect(error?.kind == .unwritable && error?.file == path)
    return error?.message ?? ""
  }

  // MARK: Reading

  @Test("only regular files are read: no folder, FIFO, device, socket, or name with a zero byte")
  func noFiles() throws {
    let fifo = folder.file("fifo")
    #expect(mkfifo(fifo, 0o600) == 0)
    try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: fifo)
    for (path, kind, message) in [
      (folder.path, FileError.Kind.malformed, "a folder"), (fifo, .malformed, "a FIFO"),
      (folder.file("link"), .malformed, "a FIFO"), ("/dev/zero", .malformed, "a device"),
      (folder.file("none"), .missing, "no such file"), ("", .missing, "no such file"),
      (folder.file("fifo/below"), .missing, "no such file"),
    ] {
      let error = #expect(throws: FileError.self, "\(path)") { try Files.read(path) }
      #expect(error?.kind == kind && error?.message.hasPrefix(message) == true, "\(path): \(error?.message ?? "")")
      #expect(throws: FileError.self, "\(path)") { try Files.head(path, count: 4) }
      #expect(throws: FileError.self, "\(path)") { try RGBImage(contentsOf: path) }
      #expect(throws: FileError.self, "\(path)") { try WeightFile.read(path) }
      #expect(throws: FileError.self, "\(path)") { try HDF5File.read(path) }
    }
    try folder.write("a", "text")
    #expect(throws: FileError.self) { try Files.read(folder.file("a\0b")) }
  }

  @Test("data that was read stays valid if the file is truncated")
  func shrinking() throws {
    let path = folder.file("large")
    let bytes = Data((0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0) })
    try bytes.write(to: URL(fileURLWithPath: path))
    let read = try Files.read(path)
    #expect(truncate(path, 0) == 0)
    #expect(read == bytes)
    #expect(try Files.read(path).isEmpty)
    #expect(try Files.head(path, count: 8).isEmpty)
  }

  @Test("files that must be inside a folder are not read through links out of it, but through links within it")
  func inside() throws {
    try folder.write("in/below/file", "inside")
    try folder.write("out/file", "outside")
    func link(_ name: String, _ destination: String) throws {
      try FileManager.default.createSymbolicLink(atPath: folder.file(name), withDestinationPath: destination)
    }
    try link("in/within", "below/file")
    try link("in/away", "../out/file")
    try link("in/aside", folder.file("out"))
    try link("other", "in")
    for name in ["in/below/file", "in/within", "other/within"] {
      #expect(try Files.read(folder.file(name), inside: folder.file("in")) == Data("inside".utf8))
    }
    for name in ["in/away", "in/aside/file", "in/../out/file"] {
      let error = #expect(throws: FileError.self) { try Files.read(folder.file(name), inside: folder.file("in")) }
      #expect(error?.message.contains("leads out of") == true)
    }
  }

  // MARK: Writing

  @Test("a replaced file keeps its mode, a new one has the default mode, and no temporary file is left")
  func replacing() throws {
    let path = folder.file("a")
    try Files.write(Data(own("first").utf8), to: path)
    let mask = umask(0)
    umask(mask)
    #expect(try mode(path) == Int(0o666 & ~mask))
    for mode in [0o600, 0o755, 0o664] {
      #expect(chmod(path, mode_t(mode)) == 0)
      try Files.write(Data(own("mode \(mode)").utf8), to: path)
      #expect(try self.mode(path) == mode)
      #expect(try text(path) == own("mode \(mode)"))
    }
    #expect(try names() == ["a"])
  }

  @Test("a symbolic link stays, and its target is replaced or created")
  func links() throws {
    try folder.write("real/file", own("old"))
    for (link, target) in [("to", "real/file"), ("again", "to"), ("new", "real/other")] {
      try FileManager.default.createSymbolicLink(atPath: folder.file(link), withDestinationPath: target)
    }
    try Files.write(Data("through".utf8), to: folder.file("again"))
    #expect(try text(folder.file("real/file")) == "through")
    try Files.write(Data("made".utf8), to: folder.file("new"))
    #expect(try text(folder.file("real/other")) == "made")
    for (link, target) in [("to", "real/file"), ("again", "to"), ("new", "real/other")] {
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder.file(link)) == target)
    }
    try FileManager.default.createSymbolicLink(atPath: folder.file("loop"), withDestinationPath: "loop")
    #expect(refusal(folder.file("loop")).contains("links that lead to each other"))
  }

  @Test("only regular files are replaced, and invalid names are refused")
  func refusals() throws {
    let fifo = folder.file("fifo")
    #expect(mkfifo(fifo, 0o600) == 0)
    #expect(refusal(fifo).hasPrefix("a FIFO"))
    #expect(refusal(folder.path).hasPrefix("a folder"))
    #expect(refusal(folder.path + "/.").hasPrefix("a folder"))
    #expect(refusal(folder.file("new/")).hasPrefix("the name of a folder"))
    #expect(refusal("").hasPrefix("no name"))
    #expect(refusal("~/file").contains("'~'"))
    #expect(refusal(folder.file("none/file")).hasPrefix("there is no folder"))
    #expect(refusal("/dev/null").hasPrefix("a device"))
    for path in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
      #expect(["a place of the system's", "a device", "a FIFO"].contains { refusal(path).hasPrefix($0) })
    }
    var status = stat()
    #expect(lstat(fifo, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
    #expect(try names() == ["fifo"])
    for path in ["", folder.file("fifo/below"), "/proc/nothing"] {
      #expect(throws: FileError.self) { try Files.makeFolder(path) }
    }
    #expect(throws: FileError.self) { try Files.makeFolder(fifo) }
  }

  @Test("folders are created with their parents, and existing ones are no error")
  func makingFolders() throws {
    for _ in 0..<2 { try Files.makeFolder(folder.file("a/b/c/")) }
    try Files.write(Data("x".utf8), to: folder.file("a/b/c/file"))
    #expect(try text(folder.file("a/b/c/file")) == "x")
  }

  @Test("if the body fails, the old file is unchanged and the temporary file is removed")
  func failures() throws {
    let path = try folder.write("a", own("old"))
    #expect(throws: CancellationError.self) {
      try Files.write(to: path) { file in
        try file.append(Data("half of".utf8))
        throw CancellationError()
      }
    }
    #expect(try text(path) == own("old"))
    #expect(try names() == ["a"])
  }

  @Test("the file on the disk is compared with the data that was written")
  func verification() throws {
    let path = try folder.write("a", own("old"))
    for change in ["", "changed", "much longer than it was"] {
      let error = #expect(throws: FileError.self) {
        try Files.write(to: path) { file in
          try file.append(Data("written".utf8))
          try file.flush()
          // Change the file as a disk would that loses written data.
          let part = try #require(try names().first { $0.hasSuffix(".part") })
          Data(change.utf8).withUnsafeBytes { bytes in
            let other = open(folder.file(part), O_WRONLY | O_TRUNC)
            #expect(write(other, bytes.baseAddress, bytes.count) == bytes.count)
            close(other)
          }
        }
      }
      #expect(error?.file == path && error?.message.contains("can be read from it again") == true)
      #expect(try text(path) == own("old"))
      #expect(try names() == ["a"])
    }
  }

  @Test("files with names of any length that the system allows can be written")
  func longNames() throws {
    for name in [String(repeating: "n", count: 255), String(repeating: "é", count: 127)] {
      try Files.write(Data("x".utf8), to: folder.file(name))
      #expect(try text(folder.file(name)) == "x")
    }
    #expect(refusal(folder.file(String(repeating: "n", count: 256))).hasPrefix("cannot be written"))
  }

  @Test("temporary files of dead processes are removed, but no others, and no files with similar names")
  func sweeping() throws {
    let dead = Process()
    dead.executableURL = URL(fileURLWithPath: "/bin/true")
    try dead.run()
    dead.waitUntilExit()
    let number = dead.processIdentifier
    let kept = [
      "last.h5.metasal-\(getpid())-900.part", "last.h5.metasal-1-1.part", "last.h5.\(number).part", "last.h5.part",
      "metasal-\(number)-1", "a.metasal-\(number).part", "a.metasal-x\(number)-1.part", "a.metasal--1.part",
    ]
    let lost = ["last.h5.metasal-\(number)-1.part", "b.metasal-x.png.metasal-\(number)-12.part"]
    for name in kept + lost { try folder.write(name, "half") }
    // A file that is locked, as by a process with that identifier on another machine.
    let held = try folder.write("held.metasal-\(number)-3.part", "half")
    let lock = open(held, O_RDONLY)
    #expect(flock(lock, LOCK_SH) == 0)
    try Files.write(Data("new".utf8), to: folder.file("last.h5"))
    #expect(Set(try names()) == Set(kept + ["last.h5", "held.metasal-\(number)-3.part"]))
    close(lock)
  }

  @Test("a log keeps its lines when it is opened again, and only regular files are appended to")
  func logs() throws {
    let path = try folder.write("log", "one\n")
    let log = try LogFile(path)
    try log.append(Data("two\n".utf8))
    try log.sync()
    try log.append(Data("three\n".utf8))
    try log.sync()
    try log.sync()
    #expect(try text(path) == "one\ntwo\nthree\n")
    try log.append(Data("four\n".utf8))
    #expect(truncate(path, 0) == 0)
    #expect(throws: FileError.self) { try log.sync() }
    for path in ["/dev/full", folder.path, folder.file("none")] {
      #expect(throws: FileError.self) { try LogFile(path) }
    }
  }

  // MARK: Names for people

  @Test("control characters are escaped, and all other text is unchanged")
  func printable() {
    #expect("Tür – 猫 👩‍👩‍👧 'x'\\".printable == "Tür – 猫 👩‍👩‍👧 'x'\\")
    #expect(
      "a\u{1b}[31mb\nc\td\u{7f}\u{9b}2J\u{202e}\r".printable == #"a\u{1b}[31mb\u{a}c\u{9}d\u{7f}\u{9b}2J\u{202e}\u{d}"#)
    #expect("a\n\u{1b}b\r\n".printableLines == "a\n\\u{1b}b\\u{d}\n")
    #expect("\(FileError(.malformed, "a\u{1b}", "b\nc"))" == "a\\u{1b}: b\\u{a}c")
  }
}
