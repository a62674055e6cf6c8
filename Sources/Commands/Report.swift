import ArgumentParser
import Training

struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make one HTML page of a run, or of several side by side: curves, tables, and maps before and after.")

  @Argument(help: "The runs' folders.", completion: .directory)
  var runs: [String]

  @Option(help: "The page to write.", completion: .file(extensions: ["html"]))
  var output = "report.html"

  func run() throws {
    try Training.Report.write(runs, to: output)
    say("The report is \(output).")
  }
}
