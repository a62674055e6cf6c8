import ArgumentParser
import Formats
import Training

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what a recipe would do, or everything that is wrong with it, without doing it.")

  @OptionGroup var recipe: RecipeOptions

  @Option(
    help: "Draw the images of the first training batch, as they are augmented, into this PNG.", completion: .file())
  var picture: String?

  func run() throws {
    let recipe = try recipe.load()
    try Ownership.requireReplaceable([picture].compactMap(\.self), inputs: recipe.inputs)
    let setup = try Setup(recipe)
    say(setup.summary)
    if let picture {
      try setup.drawFirstBatch(to: picture)
      say("\nThe first batch is drawn in \(picture).")
    }
  }
}
