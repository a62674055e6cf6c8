import ArgumentParser
import Formats
import Foundation
import Recipes
import Training

/// The command line: fine-tunes image classifiers so that their saliency maps depend on the class they explain.
@main struct Metasal: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "metasal",
    abstract: "Fine-tune image classifiers so that their saliency maps depend on the class they explain.",
    version: "0.1.0",
    subcommands: [
      Train.self, Evaluate.self, Explain.self, Report.self, Export.self, Convert.self, Pack.self, Check.self,
      Inspect.self, Models.self,
    ])

  /// Runs the command, and turns errors into one message and the exit code that fits.
  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let error as RecipeError {
      fail("\(error)", error.isMissingFile ? 66 : 65)
    } catch let error as FileError {
      let code: Int32 =
        switch error.kind {
        case .missing: 66
        case .malformed: 65
        case .unwritable: 73
        }
      fail("\(error)", code)
    } catch let error as ExplanationError {
      fail("\(error)", 65)
    } catch let error as RunEnd {
      if case .interrupted = error { fail("\(error)", 130) }
      fail("\(error)", 2)
    } catch {
      exit(withError: error)
    }
  }

  private static func fail(_ message: String, _ code: Int32) -> Never {
    FileHandle.standardError.write(Data("metasal: \(message)\n".utf8))
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
