import ArgumentParser
import Formats
import Foundation
import Logging
import Training

struct LRFind: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lr-find",
    abstract:
      "Find a learning rate: train some steps as a recipe says while the rate rises, and see where the loss falls.")

  @OptionGroup var recipe: RecipeOptions
  @OptionGroup(title: "Messages") var messages: MessageOptions

  @Option(help: "The first rate.")
  var from = 1e-6

  @Option(help: "The last rate.")
  var to = 1.0

  @Option(help: "The number of steps.")
  var steps = 100

  @Option(help: "The page with the plot.", completion: .file(extensions: ["html"]))
  var output = "lr-find.html"

  func validate() throws {
    guard from >= 1e-12, to <= 1e6, from < to else {
      throw ValidationError("--from and --to are rates from 1e-12 to 1e6, the first one lower.")
    }
    guard (14...100_000).contains(steps) else { throw ValidationError("--steps is from 14 to 100000.") }
  }

  func run() throws {
    let logger = messages.begin()
    let recipe = try recipe.load()
    try Ownership.requireReplaceable([output], inputs: recipe.inputs)
    let setup = try Setup(recipe, logger: logger)
    setup.logFacts()
    let test = try logger.timed("testing rates") { try RangeTest.run(setup, rates: from...to, steps: steps) }
    try test.write(to: output, of: (self.recipe.recipe as NSString).lastPathComponent)
    if let rate = test.suggestion {
      say("The loss falls fastest at optimizer.rate=\(String(format: "%.1e", rate)).")
    } else {
      say("The loss falls nowhere between \(from) and \(to).")
    }
    logger.info("The plot of \(test.points.count) steps is \(output).")
  }
}
