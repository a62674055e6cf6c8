import ArgumentParser
import Networks
import Training

struct Models: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the networks that metasal can make, or one network's layers.")

  @Argument(help: "A network whose layers are listed; by default all networks are listed.")
  var architecture: Architecture?

  func run() throws {
    let width = Terminal.output.columns
    say(architecture.map { Catalogue.layers(of: $0, width: width) } ?? Catalogue.architectures(width: width))
  }
}
