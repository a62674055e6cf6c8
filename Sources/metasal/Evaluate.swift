import ArgumentParser
import Training

struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a network as a recipe says, without training.")

  @OptionGroup var recipe: RecipeOptions

  @Option(
    help: "Weights to measure in place of the recipe's: a checkpoint, safetensors, or PyTorch file.",
    completion: .file())
  var weights: String?

  func run() throws {
    let setup = try Setup(try recipe.load(), weights: weights)
    let result = try setup.evaluate(setup.network, title: "measuring")
    print(setup.evaluation.report([("measured", result)]))
  }
}
