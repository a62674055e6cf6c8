import Foundation
import TestSupport

/// The program as a user starts it, in a folder of its own.
struct Program {
  let folder = ScratchFolder()

  struct Answer {
    let code: Int32
    let output, errors: String
  }

  /// A program that was started.
  struct Running {
    let process: Process
    fileprivate let output, errors: String

    var number: pid_t { process.processIdentifier }

    /// Waits for its end; the code of one that a signal ended is the signal's, negative.
    func finish() throws -> Answer {
      process.waitUntilExit()
      let isKilled = process.terminationReason == .uncaughtSignal
      func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
      return Answer(
        code: isKilled ? -process.terminationStatus : process.terminationStatus, output: try text(output),
        errors: try text(errors))
    }
  }

  /// It lies beside the tests.
  static let path: URL = {
    let beside = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
    return beside.appendingPathComponent("metasal")
  }()

  /// Starts the program in a folder `name` of its folder. `environment` is added to the tests' own, and standard output goes
  /// to the file `output` if there is one, in place of being read in the end.
  func start(
    _ arguments: [String], in name: String = ".", environment: [String: String] = [:], output: String? = nil
  ) throws -> Running {
    // What it says is kept outside its folder.
    let said = NSTemporaryDirectory() + "metasal-said-" + UUID().uuidString
    let running = Running(process: Process(), output: said + ".out", errors: said + ".err")
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

  /// The checkpoint of a plain network that the repository holds.
  static let weights = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../checkpoints/plain-scenes.safetensors").standardized.path

  /// A short run of generated scenes into the folder `run`.
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

  /// All files of the folder, or of the folder `name` in it, and their contents, by their names from there.
  func contents(of name: String = ".") throws -> [String: Data] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder.file(name))
    let files = names.compactMap { file in
      FileManager.default.contents(atPath: folder.file(name + "/" + file)).map { (file, $0) }
    }
    return Dictionary(uniqueKeysWithValues: files)
  }
}
