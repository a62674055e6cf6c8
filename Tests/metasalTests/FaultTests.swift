import Components
import Foundation
import Formats
import TestSupport
import Testing

@testable import Training

/// Makes each write, sync, close and rename of a command fail once, with a full disk, with an I/O error, and as a short
/// write; see `Faults/faults.c`. By default only some calls of long commands are tested; METASAL_FAULTS=all tests every
/// call.
@Suite("Failing writes", .serialized) struct FaultTests {
  private let program = Program()
  private var folder: ScratchFolder { program.folder }

  /// The path of the library that makes calls fail; the first test builds it.
  private static let library: String? = {
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Faults/faults.c")
      .path
    let library = Program.path.deletingLastPathComponent().appendingPathComponent("metasal-faults.so").path
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    compiler.arguments = ["cc", "-shared", "-fPIC", "-O1", "-o", library, source]
    guard (try? compiler.run()) != nil else { return nil }
    compiler.waitUntilExit()
    return compiler.terminationStatus == 0 ? library : nil
  }()

  /// A command and the files that it writes.
  struct Case: Sendable, CustomTestStringConvertible {
    let arguments: [String]
    let outputs: [String]
    var testDescription: String { arguments.prefix(1).joined() + " " + outputs.joined(separator: " ") }

    init(_ arguments: [String], _ outputs: [String]) { (self.arguments, self.outputs) = (arguments, outputs) }
  }

  /// Runs the command in the folder `work` while the call with this number fails, and returns all calls as `name path`.
  private func run(
    _ arguments: [String], failing number: Int = 0, with error: Int32 = 0
  ) throws -> (answer: Program.Answer, calls: [String]) {
    let library = try #require(Self.library, "a C compiler, which Swift needs too, makes the library")
    let (log, real) = (folder.file("log"), try #require(realpath(folder.file("work"), nil)))
    defer { free(real) }
    try? FileManager.default.removeItem(atPath: log)
    let answer = try program.start(
      arguments, in: "work",
      environment: [
        "LD_PRELOAD": library, "METASAL_FAULT_FOLDER": String(cString: real), "METASAL_FAULT_LOG": log,
        "METASAL_FAULT_AT": String(number), "METASAL_FAULT_ERROR": String(error),
      ]
    ).finish()
    let calls = ((try? String(contentsOfFile: log, encoding: .utf8)) ?? "").split(separator: "\n")
    return (answer, calls.map { $0.split(separator: " ").dropFirst().joined(separator: " ") })
  }

  /// Creates the folder `work` anew with the command's input files.
  private func prepare(_ files: [String: Data]) throws {
    try? FileManager.default.removeItem(atPath: folder.file("work"))
    try Files.makeFolder(folder.file("work"))
    for (path, data) in files {
      try Files.makeFolder(Paths.folder(of: folder.file("work/" + path)))
      try data.write(to: URL(fileURLWithPath: folder.file("work/" + path)))
    }
  }

  private static let errors: [Int32] = [ENOSPC, EIO, 0]

  private static let recipe = """
    model: { architecture: plain, weights: ~ }
    data:
      train: { scenes: { count: 8, size: 16, classes: 4 } }
      validation: { scenes: { count: 2, size: 16, classes: 4, seed: 1 } }
      batch: 4
    inner: { rate: 0.02 }
    saliency: { method: normgrad, layers: [features.5] }
    outer: [{ objective: class_sensitivity }]
    optimizer: { name: adam, rate: 0.003 }
    evaluation: { images: 2, every: 1, virtual_rate: 0.02, figures: 1 }
    run: { steps: 2, checkpoint_every: 1, output: run, logs: [csv, tensorboard] }
    """

  /// The input files of commands: weights, an image, a recipe and its run.
  private func inputs() throws -> [String: Data] {
    try prepare([
      "w.safetensors": try Files.read(Program.weights), "r.yaml": Data(Self.recipe.utf8),
    ])
    try RGBImage(width: 24, height: 20, pixels: (0..<1440).map { UInt8(truncatingIfNeeded: $0 * $0 % 251) }).writePNG(
      to: folder.file("work/a.png"))
    let answer = try program.start(["train", "r.yaml"], in: "work").finish()
    try #require(answer.code == 0, "\(answer.errors)")
    return try program.contents(of: "work")
  }

  /// The numbers of the calls to test, among `count`.
  /// The exit codes of a program in which this call fails: a failed write, as on a full disk, is an error of output; other calls
  /// may fail before the file is there.
  private static func refusals(_ call: String) -> [Int32] { call.hasPrefix("write") ? [74] : [73, 74] }

  private static func chosen(_ count: Int, atMost most: Int) -> [Int] {
    let isLong = ProcessInfo.processInfo.environment["METASAL_FAULTS"] == "all"
    let step = isLong ? 1 : max(1, (count + most - 1) / most)
    return Array(stride(from: 1, through: count, by: step))
  }

  private static let explain = [
    "explain", "a.png", "--model", "plain", "--weights", "w.safetensors", "--layer", "features.5",
  ]

  @Test(
    "a command whose write fails reports it, and leaves either the earlier file or the complete new one",
    arguments: [
      Case(["convert", "w.safetensors", "--output", "o.h5"], ["o.h5"]),
      Case(["convert", "w.safetensors", "--output", "o.safetensors"], ["o.safetensors"]),
      Case(["convert", "w.safetensors", "--output", "o.pth"], ["o.pth"]),
      Case(["convert", "w.safetensors", "--model", "plain", "--output", "o.onnx"], ["o.onnx"]),
      Case(["export", "run/checkpoints/last.h5", "--output", "o.h5"], ["o.h5"]),
      Case(["pack", "r.yaml", "--output", "o.h5"], ["o.h5"]),
      Case(explain + ["--no-figures", "--raw", "o.safetensors"], ["o.safetensors"]),
      Case(explain + ["--no-figures", "--raw", "o.h5"], ["o.h5"]),
      Case(explain, ["explained/a.png", "explained/a-top_0-normgrad-features.5.png"]),
      Case(["evaluate", "r.yaml", "--json", "o.json", "--csv", "o.csv"], ["o.json", "o.csv"]),
      Case(["check", "r.yaml", "--figure", "o.png"], ["o.png"]),
      Case(["report", "run", "--output", "o.html"], ["o.html"]),
    ])
  func outputs(_ test: Case) throws {
    let inputs = try inputs()
    let earlier = Data(Ownership.marked("what was there before").utf8)
    let before = inputs.merging(test.outputs.map { ($0, earlier) }) { $1 }
    try prepare(before)
    let (answer, calls) = try run(test.arguments)
    try #require(answer.code == 0, "\(answer.errors)")
    let right = try program.contents(of: "work")
    #expect(Set(right.keys) == Set(before.keys))
    for output in test.outputs {
      #expect(right[output] != earlier)
    }
    #expect(calls.contains { $0.hasPrefix("rename ") } && calls.contains { $0.hasPrefix("close ") })

    var (tried, refused) = (0, 0)
    for number in Self.chosen(calls.count, atMost: 40) {
      for error in Self.errors where error != 0 || calls[number - 1].contains("write") {
        try prepare(before)
        let (answer, _) = try run(test.arguments, failing: number, with: error)
        let after = try program.contents(of: "work")
        let place = "call \(number), \(calls[number - 1]), errno \(error): exit \(answer.code), \(answer.errors)"
        tried += 1
        if answer.code != 0 { refused += 1 }
        #expect(error == 0 ? answer.code == 0 : Self.refusals(calls[number - 1]).contains(answer.code), "\(place)")
        #expect(Set(after.keys) == Set(before.keys), "\(place)")
        for (path, data) in after {
          let isRight = data == right[path]
          #expect(isRight || (answer.code != 0 && data == before[path]), "\(path) after \(place)")
        }
        // The error names the file that failed.
        #expect(answer.code == 0 || test.outputs.contains { answer.errors.contains($0) }, "\(place)")
      }
    }
    print("\(test.testDescription): \(calls.count) calls, \(tried) faults, \(refused) refused, none wrong")
  }

  @Test("a run whose write fails reports it, and can be resumed to the same bytes as one that never failed")
  func training() throws {
    try prepare(["r.yaml": Data(Self.recipe.utf8)])
    let (answer, calls) = try run(["train", "r.yaml"])
    try #require(answer.code == 0, "\(answer.errors)")
    let right = try program.contents(of: "work").mapValues(Program.timeless)
    let checkpoints = ["run/checkpoints/last.h5", "run/checkpoints/best.h5"]
    var (tried, refused) = (0, 0)
    for number in Self.chosen(calls.count, atMost: 16) {
      for error in Self.errors where error != 0 || calls[number - 1].contains("write") {
        try prepare(["r.yaml": Data(Self.recipe.utf8)])
        let (answer, _) = try run(["train", "r.yaml"], failing: number, with: error)
        let place = "call \(number), \(calls[number - 1]), errno \(error): exit \(answer.code), \(answer.errors)"
        tried += 1
        if answer.code != 0 { refused += 1 }
        // A failure of the lock at the end of the run is harmless, and so is one of closing a log, every line of which
        // was synced.
        let isHarmless =
          calls[number - 1].contains(".metasal-lock")
          || calls[number - 1].contains("close")
            && ["metrics.", "evaluations.", "tfevents"].contains {
              calls[number - 1].contains($0)
            }
        #expect(
          error == 0 || isHarmless && answer.code == 0
            ? answer.code == 0 : Self.refusals(calls[number - 1]).contains(answer.code), "\(place)")
        #expect(answer.code == 0 || answer.errors.contains("run"), "\(place)")
        for path in checkpoints where FileManager.default.fileExists(atPath: folder.file("work/" + path)) {
          #expect(throws: Never.self, "\(path) after \(place)") {
            try Checkpoint(contentsOf: folder.file("work/" + path))
          }
        }
        if answer.code != 0 {
          let again = try program.start(["train", "r.yaml", "--resume"], in: "work").finish()
          #expect(again.code == 0, "\(again.errors) after \(place)")
        }
        let after = try program.contents(of: "work").mapValues(Program.timeless)
        #expect(Set(after.keys) == Set(right.keys), "\(place)")
        // Every start notes itself in the environment's file.
        for (path, data) in right where !path.hasSuffix("environment.jsonl") {
          #expect(after[path] == data, "\(path) after \(place)")
        }
      }
    }
    print("train: \(calls.count) calls, \(tried) faults, \(refused) refused, none wrong")
  }

  @Test(
    "standard output on a full device is an error for every command",
    arguments: [
      ["--help"], ["models"], ["train", "--help"], ["inspect", "w.safetensors"], ["check", "r.yaml"],
      ["evaluate", "r.yaml", "--quiet"], Self.explain + ["--quiet"], ["train", "r.yaml", "--overwrite", "--quiet"],
    ])
  func fullOutput(_ arguments: [String]) throws {
    try prepare(try inputs())
    let answer = try program.start(arguments, in: "work", output: "/dev/full").finish()
    #expect(answer.code == 74)
    #expect(answer.errors == "metasal: standard output: cannot be written: No space left on device\n")
  }
}
