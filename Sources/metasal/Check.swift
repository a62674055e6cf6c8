import ArgumentParser
import Training

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what a recipe would do, or everything that is wrong with it, without doing it.")

  @OptionGroup var recipe: RecipeOptions

  func run() throws {
    let recipe = try recipe.load()
    print(try Setup(recipe).summary)
  }
}
