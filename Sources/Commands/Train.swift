import ArgumentParser
import Formats
import Foundation
import Learning
import Processes
import Tensors
import Logging
import Training

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train as a recipe says, and leave the network, its measures and figures in the run's folder.")

  @OptionGroup var recipe: RecipeOptions
  @OptionGroup(title: "Messages") var messages: MessageOptions

  @Option(help: "The run's folder, in place of the recipe's run.output.", completion: .directory)
  var output: String?

  @Flag(help: "Continue from the folder's last checkpoint; begin if there is none.")
  var resume = false

  @Flag(help: "Replace what an earlier run left in the folder.")
  var overwrite = false

  @Flag(help: "Measure where the time goes: a table at the end, profile.txt and trace.json in the run's folder.")
  var profile = false

  func validate() throws {
    if resume && overwrite { throw ValidationError("--resume and --overwrite exclude each other.") }
  }

  func run() throws {
    messages.begin()
    let communicator = try Processes.join()
    try MetasalCommand.together(communicator) { try run(communicator) }
  }

  private func run(_ communicator: any Communicator) throws {
    let recipe = try recipe.load()
    let folder = RunFolder(output ?? recipe.run.output)
    let setup = try Setup(recipe, communicator: communicator, logger: Messages.logger)
    let interruption = Interruption()
    let trainer = Trainer(setup, folder: folder, isInterrupted: { interruption.isRequested })
    if profile { Profile.start() }
    // A run that was interrupted or failed also gets its profile.
    let outcome = Result { try trainer.run(resume ? .resume : overwrite ? .overwrite : .new) }
    var hasRun = true
    if case .failure(let error) = outcome { hasRun = error is RunEnd }
    if let report = Profile.stop(), hasRun, communicator.rank == 0 {
      say(
        "\n\(report.text(width: Terminal.output.columns))\n\nEvent by event, for Perfetto or chrome://tracing: \(folder.trace)"
      )
      try folder.write(report)
    }
    _ = try outcome.get()
  }
}
