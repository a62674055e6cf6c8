import ArgumentParser
import Formats
import Training

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what a recipe would do, or everything that is wrong with it, without doing it.")

  @OptionGroup var recipe: RecipeOptions

  @Option(
    help: "Draw the images of the first training batch, as they are augmented, into this PNG.", completion: .file())
  var figure: String?

  func run() throws {
    let recipe = try recipe.load()
    try Ownership.requireReplaceable([figure].compactMap(\.self), inputs: recipe.inputs)
    let setup = try Setup(recipe)
    say(setup.summary(width: Terminal.output.columns))
    if let figure {
      try setup.drawFirstBatch(to: figure)
      say("\nThe first batch is drawn in \(figure).")
    }
  }
}
