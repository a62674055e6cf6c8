import ArgumentParser
import Formats
import Foundation
import Learning
import Processes
import Logging
import Training

struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a network and its maps as a recipe's section 'evaluation' says, without training.",
    discussion: """
      Any subset of measures, methods and layers can be asked for:

        metasal evaluate recipe.yaml --set 'evaluation.measures=[pointing_game, deletion]' --csv table.csv
      """)

  @OptionGroup var recipe: RecipeOptions
  @OptionGroup(title: "Messages") var messages: MessageOptions

  @Option(
    help: "Weights to measure in place of the recipe's: a checkpoint, safetensors, or PyTorch file.",
    completion: .file())
  var weights: String?

  @Option(help: "Also write everything that was measured into this JSON file.", completion: .file())
  var json: String?

  @Option(help: "Also write a row for each measure, method and layer into this CSV file.", completion: .file())
  var csv: String?

  @Flag(help: "Also print weights of layers for 'metasal explain --combine', measured on the data.")
  var layerWeights = false

  func run() throws {
    messages.begin()
    let communicator = try Processes.join()
    try MetasalCommand.together(communicator) { try run(communicator) }
  }

  private func run(_ communicator: any Communicator) throws {
    let recipe = try recipe.load()
    try Ownership.requireReplaceable(
      [json, csv].compactMap(\.self), inputs: recipe.inputs + [weights].compactMap(\.self))
    let logger = Messages.logger
    let setup = try Setup(recipe, weights: weights, trains: false, communicator: communicator, logger: logger)
    setup.logFacts()
    for note in setup.notes { logger.info("\(note)\n") }
    var evaluation = setup.evaluation
    evaluation.goal = nil  // the outer loss selects checkpoints, so only a run needs it
    let result = try logger.timed("measuring") { try setup.evaluate(setup.network, evaluation, title: "measuring") }
    guard communicator.rank == 0 else { return }
    let width = Terminal.output.columns
    say(setup.evaluation.report([("measured", result)], width: width))
    if let findings = setup.findings { logger.warning("\(findings)") }
    if layerWeights { say("\n\(try setup.layerWeights(setup.network).report(width: width))") }
    if let json { try Files.write(try setup.evaluation.json(result), to: json) }
    if let csv { try Files.write(Data(setup.evaluation.csv(result).utf8), to: csv) }
  }
}
