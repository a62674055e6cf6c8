import ArgumentParser
import Logging
import Training

struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make one HTML page of a run, or of several side by side: curves, tables, and maps before and after.")

  @Argument(help: "The runs' folders.", completion: .directory)
  var runs: [String]

  @Option(help: "The page to write.", completion: .file(extensions: ["html"]))
  var output = "report.html"

  @OptionGroup(title: "Messages") var messages: MessageOptions

  func run() throws {
    let logger = messages.begin()
    try logger.timed("the report") { try Training.Report.write(runs, to: output) }
    logger.info("The report is \(output).")
  }
}
