import Components
import ArgumentParser
import Formats
import Foundation
import Learning
import Processes
import Recipes
import Training

/// The command line: fine-tunes image classifiers so that their saliency maps depend on the class they explain.
public struct MetasalCommand: ParsableCommand {
  /// A command without arguments.
  public init() {}

  public static let configuration = CommandConfiguration(
    commandName: "metasal",
    abstract: "Fine-tune image classifiers so that their saliency maps depend on the class they explain.",
    version: Release.version,
    subcommands: [
      Train.self, Sweep.self, Evaluate.self, Explain.self, Report.self, Export.self, Convert.self, Pack.self,
      Check.self,
      Inspect.self, Models.self, LRFind.self,
    ])

  /// Runs the command; reports an error as one message with the matching exit code.
  public static func main() {
    do {
      var command = try parseAsRoot(CommandLine.arguments.dropFirst().map(expandingHome))
      try command.run()
      if let failure = StandardOutput.failure { fail(failure, 74) }
    } catch {
      if let code = code(of: error) { fail("\(error)", code) }
      // An error in the command line, or a request for help.
      let (code, text) = (exitCode(for: error), fullMessage(for: error))
      guard code == .success else {
        // A closed terminal is no other error.
        try? FileHandle.standardError.write(contentsOf: Data((text.printableLines + "\n").utf8))
        Foundation.exit(code.rawValue)
      }
      say(text)
      if let failure = StandardOutput.failure { fail(failure, 74) }
    }
  }

  /// Runs a command in each of some processes that were started together. The first one alone writes to standard output.
  /// If one of them fails, its message is printed and all of them end, whatever the others wait for.
  static func together(_ communicator: any Communicator, _ body: () throws -> Void) throws {
    if communicator.rank > 0 { Messages.mute() }
    do {
      try body()
      try communicator.finish()
    } catch {
      guard communicator.size > 1 else { throw error }
      // Mostly all processes find the same error. The first one then ends the others before they repeat it.
      if communicator.rank > 0 { usleep(2_000_000) }
      let place = communicator.rank == 0 ? "" : "process \(communicator.rank): "
      report("\(place)\(error)", code(of: error) ?? 1)
      communicator.abort(code: code(of: error) ?? 1)
      throw ExitCode(code(of: error) ?? 1)
    }
  }

  /// The exit code of one of metasal's errors; nil for others, which ArgumentParser reports.
  private static func code(of error: any Error) -> Int32? {
    switch error {
    case let error as RecipeError: return error.isMissingFile ? 66 : 65
    case let error as FileError:
      switch error.kind {
      case .missing: return 66
      case .malformed: return 65
      case .unwritable: return 73
      case .interrupted: return 74
      }
    case is ExplanationError: return 65
    case is ProcessesError: return 69
    case RunEnd.interrupted: return 130
    case RunEnd.failed(_, _, let cause): return code(of: cause) ?? 1
    case is RunEnd: return 2
    case SweepEnd.interrupted: return 130
    case SweepEnd.failed: return 1
    default: return nil
    }
  }

  /// The argument with `~` replaced by the user's home folder in places where shells do not do it: in quotes and after
  /// `--option=`.
  private static func expandingHome(_ argument: String) -> String {
    guard argument.hasPrefix("--"), let equals = argument.firstIndex(of: "=") else {
      return Paths.expandingHome(argument)
    }
    return argument[...equals] + Paths.expandingHome(String(argument[argument.index(after: equals)...]))
  }

  private static func fail(_ message: String, _ code: Int32) -> Never {
    report(message, code)
    Foundation.exit(code)
  }

  private static func report(_ message: String, _ code: Int32) {
    Messages.logger.error("\(message)", metadata: ["code": .stringConvertible(Int(code))])
  }
}

/// The recipe and values that override its own.
struct RecipeOptions: ParsableArguments {
  @Argument(help: "The recipe, a YAML file.", completion: .file(extensions: ["yaml", "yml"]))
  var recipe: String

  @Option(
    name: .customLong("set"), parsing: .upToNextOption,
    help: ArgumentHelp(
      "Values that replace the recipe's, such as optimizer.rate=0.01 or outer.1.weight=0.", valueName: "key=value"))
  var overrides: [String] = []

  func load() throws -> Recipe { try Recipe.load(recipe, overrides: overrides) }
}
