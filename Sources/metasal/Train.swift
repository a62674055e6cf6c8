import ArgumentParser
import Formats
import Foundation
import Training

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train as a recipe says, and leave the network, its measures and pictures in the run's folder.")

  @OptionGroup var recipe: RecipeOptions

  @Option(help: "The run's folder, in place of the recipe's run.output.", completion: .directory)
  var output: String?

  @Flag(help: "Continue from the folder's last checkpoint; begin if there is none.")
  var resume = false

  @Flag(help: "Replace what an earlier run left in the folder.")
  var overwrite = false

  func validate() throws {
    if resume && overwrite { throw ValidationError("--resume and --overwrite exclude each other.") }
  }

  func run() throws {
    let recipe = try recipe.load()
    let folder = RunFolder(output ?? recipe.run.output)
    let setup = try Setup(recipe)
    if overwrite { try folder.clear() }
    let interruption = Interruption()
    let trainer = Trainer(setup, folder: folder, isInterrupted: { interruption.isRequested }) { text in
      print(text)
      fflush(nil)
    }
    try trainer.run(isResumed: resume)
  }
}
