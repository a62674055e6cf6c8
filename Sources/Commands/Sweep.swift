import ArgumentParser
import Foundation
import Training

struct Sweep: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Make many runs of a recipe, as a sweep file says, and compare them: a table, a CSV file and an HTML page.",
    discussion: """
      A sweep that was interrupted or killed goes on where it was when the same command is given again; what is finished is \
      not repeated. docs/sweeps.md says what a sweep file has.
      """)

  @Argument(help: "The sweep file, a YAML file.", completion: .file(extensions: ["yaml", "yml"]))
  var sweep: String

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Make the runs of these points alone; * and ? stand for any letters, as in 'ours*'.", valueName: "point"))
  var only: [String] = []

  @Option(parsing: .upToNextOption, help: ArgumentHelp("Make the runs with these seeds alone.", valueName: "seed"))
  var seeds: [Int] = []

  @Flag(help: "Replace runs of other recipes in the sweep's folders.")
  var overwrite = false

  @Flag(help: "Say which runs there are and what is done of them, and make none.")
  var dryRun = false

  @Flag(help: "Make no run, but the tables and the page of those that are finished.")
  var report = false

  @Flag(help: "Print a script for Slurm, in which each run is a task of a job array.")
  var slurm = false

  @Option(
    name: .customLong("run"),
    help: ArgumentHelp("Make this run alone, as --dry-run numbers them, with all processors.", valueName: "number"))
  var number: Int?

  @OptionGroup(title: "Messages") var messages: MessageOptions

  func validate() throws {
    let modes = [("--dry-run", dryRun), ("--report", report), ("--slurm", slurm), ("--run", number != nil)].filter(\.1)
    if modes.count > 1 { throw ValidationError("\(modes[0].0) and \(modes[1].0) exclude each other.") }
    if number != nil && !(only.isEmpty && seeds.isEmpty) {
      throw ValidationError("--run names one run; it excludes --only and --seeds.")
    }
  }

  func run() throws {
    let logger = messages.begin()
    let plan = try SweepPlan(sweep)
    let choice = try choice(of: plan)
    if dryRun { return say(try plan.overview(choice, width: Terminal.output.columns)) }
    if slurm {
      guard let script = plan.slurmScript(choice, program: Training.Sweep.program, folder: Self.folder) else { return }
      return say(script)
    }
    let interruption = Interruption()
    let sweep = Training.Sweep(plan, choice: choice, isInterrupted: { interruption.isRequested }, logger: logger)
    if report { return try sweep.report() }
    if let number { return try sweep.run(only: number) }
    try sweep.run()
  }

  /// The chosen runs, of which there is at least one.
  private func choice(of plan: SweepPlan) throws -> Training.Sweep.Choice {
    var choice = Training.Sweep.Choice()
    choice.replacesOthers = overwrite
    if plan.file.halving != nil {
      // Which runs a rung has is known only when the rung before is finished.
      if number != nil || slurm {
        throw ValidationError("--slurm and --run exclude 'halving', whose runs depend on others.")
      }
      if !(only.isEmpty && seeds.isEmpty) {
        throw ValidationError("--only and --seeds exclude 'halving', which compares all.")
      }
    }
    if let number, !plan.runs.indices.contains(number) {
      throw ValidationError("--run is from 0 to \(plan.runs.count - 1), found \(number).")
    }
    let names = only.flatMap { $0.split(separator: ",").map(String.init) }
    for name in names where !plan.file.points.contains(where: { fnmatch(name, $0.name, 0) == 0 }) {
      throw ValidationError(
        "no point is called '\(name)'; there are \(plan.file.points.map(\.name).joined(separator: ", "))")
    }
    for seed in seeds where !plan.file.seeds.contains(seed) {
      throw ValidationError(
        "--seeds: the sweep has \(plan.file.seeds.map(String.init).joined(separator: ", ")), not \(seed).")
    }
    if !names.isEmpty { choice.points = names }
    if !seeds.isEmpty { choice.seeds = seeds }
    return choice
  }

  private static var folder: String { FileManager.default.currentDirectoryPath }
}
