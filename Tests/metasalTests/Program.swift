import Foundation
import TestSupport

@testable import Formats

/// Starts the program as a user does, in a temporary folder.
struct Program {
  let folder = ScratchFolder()

  struct Answer {
    let code: Int32
    let output, errors: String
  }

  /// A running program.
  struct Running {
    let process: Process
    /// The folder of what the program says, which is apart from the program's own folder.
    fileprivate let said = ScratchFolder()

    fileprivate var output: String { said.file("output") }
    fileprivate var errors: String { said.file("errors") }

    var number: pid_t { process.processIdentifier }

    /// Waits until the program has ended; if a signal ended it, the code is the negative signal number.
    func finish() throws -> Answer {
      process.waitUntilExit()
      let isKilled = process.terminationReason == .uncaughtSignal
      func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
      return Answer(
        code: isKilled ? -process.terminationStatus : process.terminationStatus, output: try text(output),
        errors: try text(errors))
    }
  }

  /// The path of the program, which is in the folder of the tests.
  static let path: URL = {
    let beside = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
    return beside.appendingPathComponent("metasal")
  }()

  /// Starts the program in the subfolder `name`. `environment` is added to the tests' environment. Standard output is
  /// written to the file `output` if it is given; otherwise it is collected and returned at the end.
  func start(
    _ arguments: [String], in name: String = ".", environment: [String: String] = [:], output: String? = nil
  ) throws -> Running {
    let running = Running(process: Process())
    running.process.executableURL = Self.path
    running.process.arguments = arguments
    running.process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    running.process.currentDirectoryURL = URL(fileURLWithPath: folder.file(name))
    for path in [running.output, running.errors] { try Data().write(to: URL(fileURLWithPath: path)) }
    running.process.standardOutput = FileHandle(forWritingAtPath: output ?? running.output)
    running.process.standardError = FileHandle(forWritingAtPath: running.errors)
    try running.process.run()
    return running
  }

  func run(_ arguments: String...) throws -> Answer { try start(arguments).finish() }

  /// The path of the repository's checkpoint of the plain network.
  static let weights = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../checkpoints/plain-scenes.safetensors").standardized.path

  /// A recipe for a short run on generated scenes in the folder `run`.
  static let recipe = """
    model: { architecture: plain, weights: ~ }
    data:
      train: { scenes: { count: 40, size: 16, classes: 4 } }
      validation: { scenes: { count: 4, size: 16, classes: 4, seed: 1 } }
      batch: 4
    inner: { rate: 0.02 }
    saliency: { method: normgrad, layers: [features.5] }
    outer:
      - { objective: cross_entropy }
      - { objective: class_sensitivity, weight: 0.5, against: random }
    optimizer: { name: adam, rate: 0.003 }
    evaluation: { images: 4, every: 2, virtual_rate: 0.02, figures: 1 }
    run: { steps: 3, checkpoint_every: 2, output: run }
    """

  /// The contents of a file without times: an event file's events have those at which they were written.
  static func timeless(_ data: Data) throws -> Data {
    guard EventRecords.areOwn(data) else { return data }
    let records = try EventRecords.events(data).map { event in
      var event = event
      event.wallTime = 0
      return try EventRecords.record(event)
    }
    return Data(records.joined())
  }

  /// The contents of all files in the folder, or in its subfolder `name`, by relative path.
  func contents(of name: String = ".") throws -> [String: Data] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder.file(name))
    let files = names.compactMap { file in
      FileManager.default.contents(atPath: folder.file(name + "/" + file)).map { (file, $0) }
    }
    return Dictionary(uniqueKeysWithValues: files)
  }
}
