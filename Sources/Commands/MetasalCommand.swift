import Components
import ArgumentParser
import Formats
import Foundation
import Recipes
import Training

/// The command line: fine-tunes image classifiers so that their saliency maps depend on the class they explain.
public struct MetasalCommand: ParsableCommand {
  /// The command, before it reads its arguments.
  public init() {}

  public static let configuration = CommandConfiguration(
    commandName: "metasal",
    abstract: "Fine-tune image classifiers so that their saliency maps depend on the class they explain.",
    version: "0.1.0",
    subcommands: [
      Train.self, Evaluate.self, Explain.self, Report.self, Export.self, Convert.self, Pack.self, Check.self,
      Inspect.self, Models.self,
    ])

  /// Runs the command, and turns errors into one message and the exit code that fits.
  public static func main() {
    do {
      var command = try parseAsRoot(CommandLine.arguments.dropFirst().map(expandingHome))
      try command.run()
      if let failure = StandardOutput.failure { fail(failure, 74) }
    } catch {
      if let code = code(of: error) { fail("\(error)", code) }
      // Of the command line, or help, which was asked for.
      let (code, text) = (exitCode(for: error), fullMessage(for: error))
      guard code == .success else { complain(text, code.rawValue) }
      say(text)
      if let failure = StandardOutput.failure { fail(failure, 74) }
    }
  }

  /// The exit code of an error of our own; nil for others, which the command line's library explains.
  private static func code(of error: any Error) -> Int32? {
    switch error {
    case let error as RecipeError: return error.isMissingFile ? 66 : 65
    case let error as FileError:
      switch error.kind {
      case .missing: return 66
      case .malformed: return 65
      case .unwritable: return 73
      }
    case is ExplanationError: return 65
    case RunEnd.interrupted: return 130
    case RunEnd.failed(_, _, let cause): return code(of: cause) ?? 1
    case is RunEnd: return 2
    default: return nil
    }
  }

  /// An argument with `~` as the user's folder where shells leave it, in quotes and behind `--option=`.
  private static func expandingHome(_ argument: String) -> String {
    guard argument.hasPrefix("--"), let equals = argument.firstIndex(of: "=") else {
      return Paths.expandingHome(argument)
    }
    return argument[...equals] + Paths.expandingHome(String(argument[argument.index(after: equals)...]))
  }

  private static func fail(_ message: String, _ code: Int32) -> Never {
    complain("metasal: \(message)", code)
  }

  private static func complain(_ text: String, _ code: Int32) -> Never {
    // A terminal that has gone takes nothing any more.
    try? FileHandle.standardError.write(contentsOf: Data((text.printableLines + "\n").utf8))
    Foundation.exit(code)
  }
}

/// A recipe and the values that replace its own.
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
