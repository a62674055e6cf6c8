import Foundation
import TestSupport
import Testing

/// Sweeps from the user's view.
@Suite("The command sweep") struct SweepCommandTests {
  private let program = Program()
  private var folder: ScratchFolder { program.folder }

  private func run(_ arguments: String...) throws -> Program.Answer { try program.start(arguments).finish() }

  /// Writes the recipe and a sweep of four points and two seeds.
  private func write(steps: Int = 3, _ more: String = "") throws {
    try folder.write("r.yaml", Program.recipe.replacingOccurrences(of: "steps: 3", with: "steps: \(steps)"))
    try folder.write(
      "s.yaml",
      """
      recipe: r.yaml
      output: out
      set: { evaluation.every: 0, evaluation.measures: [accuracy, deletion], evaluation.figures: 0 }
      seeds: [0, 1]
      grid: { optimizer.rate: [0.001, 0.01], outer.1.weight: [0, 1] }
      at_once: 2

      """ + more)
  }

  private static let names = ["0.001", "0.01"].flatMap { rate in
    ["0", "1"].flatMap { weight in [0, 1].map { "rate=\(rate)_weight=\(weight)_seed=\($0)" } }
  }

  /// The number of starts of a run.
  private func starts(_ name: String) -> Int {
    FileManager.default.contents(atPath: folder.file("out/\(name)/environment.jsonl"))?.count { $0 == 0x0a } ?? 0
  }

  private func isFinished(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: folder.file("out/\(name)/result.json"))
  }

  private func last(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: folder.file("out/\(name)/checkpoints/last.h5")))
  }

  @Test("all runs are made, as a train command would make each, and a second start repeats nothing")
  func whole() throws {
    try write("pareto: [accuracy, deletion normgrad features.5]")
    let planned = try run("sweep", "s.yaml", "--dry-run")
    #expect(planned.code == 0 && Self.names.allSatisfy { planned.output.contains("out/\($0) ") }, "\(planned.output)")
    #expect(!FileManager.default.fileExists(atPath: folder.file("out")))
    let answer = try run("sweep", "s.yaml")
    #expect(answer.code == 0 && answer.errors.contains("8/8"), "\(answer.errors)")
    #expect(Self.names.allSatisfy(isFinished) && Self.names.allSatisfy { starts($0) == 1 })
    for name in ["index.html", "table.csv", "table.txt", "front.svg"] {
      #expect(FileManager.default.fileExists(atPath: folder.file("out/\(name)")), "\(name)")
    }
    // The same run alone, in two ways.
    let name = Self.names[3]
    let planAnswer = try run("train", "out/\(name)/planned.yaml", "--output", "alone")
    let setAnswer = try run(
      "train", "r.yaml", "--output", "other", "--set", "evaluation.every=0", "evaluation.measures=[accuracy, deletion]",
      "evaluation.figures=0", "run.seed=1", "optimizer.rate=0.001", "outer.1.weight=1")
    #expect(planAnswer.code == 0 && setAnswer.code == 0)
    let metrics = try program.contents()
    #expect(metrics["alone/metrics.jsonl"] == metrics["out/\(name)/metrics.jsonl"])
    #expect(metrics["other/metrics.jsonl"] == metrics["out/\(name)/metrics.jsonl"])
    let before = try program.contents(of: "out")
    let again = try run("sweep", "s.yaml")
    #expect(again.code == 0 && again.errors.contains("8 of 8 runs are finished already"))
    #expect(try program.contents(of: "out") == before)
  }

  @Test(
    "a sweep that a signal ends half-way goes on without repeating a run", arguments: [SIGTERM, SIGINT, SIGKILL])
  func killed(signal: Int32) throws {
    try write(steps: 40)
    let running = try program.start(["sweep", "s.yaml"])
    for _ in 0..<2400 where Self.names.count(where: isFinished) < 3 { usleep(25_000) }
    kill(running.number, signal)
    let ended = try running.finish()
    #expect(ended.code == (signal == SIGKILL ? -SIGKILL : 130), "\(ended.errors)")
    if signal != SIGKILL { #expect(ended.errors.contains("the same command goes on"), "\(ended.errors)") }
    let done = Self.names.filter(isFinished)
    #expect(done.count >= 3 && done.count < 8)
    let identities = try done.map { try last($0) }
    let begun = done.map(starts)
    // What a killed sweep had started goes on by itself; the next one waits for it.
    let answer = try run("sweep", "s.yaml")
    #expect(answer.code == 0, "\(answer.errors)")
    #expect(Self.names.allSatisfy(isFinished))
    #expect(try done.map { try last($0) } == identities && done.map(starts) == begun)
    // The end is that of a sweep that nobody ended.
    let whole = Program()
    for name in ["r.yaml", "s.yaml"] {
      try whole.folder.write(name, String(contentsOfFile: folder.file(name), encoding: .utf8))
    }
    #expect(try whole.start(["sweep", "s.yaml"]).finish().code == 0)
    let (expected, found) = (try whole.contents(of: "out"), try program.contents(of: "out"))
    for name in Self.names {
      #expect(found["\(name)/checkpoints/last.h5"] == expected["\(name)/checkpoints/last.h5"], "\(name)")
      #expect(found["\(name)/metrics.jsonl"] == expected["\(name)/metrics.jsonl"], "\(name)")
    }
    #expect(found["table.csv"] == expected["table.csv"])
  }

  @Test("a run that fails is named, the others are made, and the exit code is 1")
  func failing() throws {
    try write()
    let text = try String(contentsOfFile: folder.file("s.yaml"), encoding: .utf8)
    try folder.write(
      "s.yaml",
      text.replacingOccurrences(
        of: "optimizer.rate: [0.001, 0.01], outer.1.weight: [0, 1]", with: "data.batch: [100, 4]"))
    let answer = try run("sweep", "s.yaml")
    #expect(answer.code == 1 && answer.errors.contains("2 runs failed"), "\(answer.output) \(answer.errors)")
    let message = "100 images in an update, but data.train has only 40"
    #expect(
      answer.errors.contains("batch=100_seed=1: out/batch=100_seed=1/planned.yaml:") && answer.errors.contains(message))
    #expect(answer.output.contains("batch=4   2/2"), "\(answer.output)")
    let page = try String(contentsOfFile: folder.file("out/index.html"), encoding: .utf8)
    #expect(page.contains("Not finished") && page.contains(message))
  }

  @Test("runs of another recipe are refused, and with --overwrite replaced, but not those whose recipe stays")
  func changed() throws {
    try write()
    #expect(try run("sweep", "s.yaml", "--only", "rate=0.001_weight=0", "--seeds", "1").code == 0)
    let name = "rate=0.001_weight=0_seed=1"
    #expect(Self.names.filter(isFinished) == [name])
    try write("measure: []\n")
    #expect(
      try run("sweep", "s.yaml", "--only", "rate=0.001_weight=0", "--seeds", "1").errors.contains(
        "1 of 1 runs are finished"))
    try write(steps: 4)
    let refused = try run("sweep", "s.yaml", "--seeds", "1")
    #expect(refused.code == 73 && refused.errors.contains("run.steps: 3 → 4"), "\(refused.errors)")
    #expect(Self.names.filter(isFinished) == [name])
    let replaced = try run("sweep", "s.yaml", "--seeds", "1", "--overwrite")
    #expect(replaced.code == 0, "\(replaced.errors)")
    #expect(Self.names.count(where: isFinished) == 4 && starts(name) == 1)
    #expect(try run("sweep", "s.yaml", "--seeds", "1").errors.contains("4 of 4 runs are finished"))
  }

  @Test("files of the user in the sweep's folders stay, and are named")
  func ownFiles() throws {
    try write()
    for file in ["index.html", "\(Self.names[0])/planned.yaml", "\(Self.names[0])/log.txt"] {
      try folder.write("out/\(file)", "mine")
      let answer = try run("sweep", "s.yaml", "--only", "rate=0.001_weight=0", "--seeds", "0")
      #expect(
        answer.code == 73 && answer.errors.contains(String(file.split(separator: "/").last ?? "")),
        "\(file): \(answer.errors)")
      #expect(try String(contentsOfFile: folder.file("out/\(file)"), encoding: .utf8) == "mine")
      try FileManager.default.removeItem(atPath: folder.file("out/\(file)"))
    }
  }

  @Test("a second sweep in the same folder is refused")
  func twoSweeps() throws {
    try write(steps: 100_000)
    let running = try program.start(["sweep", "s.yaml"])
    for _ in 0..<2400 where !FileManager.default.fileExists(atPath: folder.file("out/\(Self.names[0])/metrics.jsonl")) {
      usleep(25_000)
    }
    let second = try run("sweep", "s.yaml")
    #expect(second.code == 73 && second.errors.contains("process \(running.number) "), "\(second.errors)")
    kill(running.number, SIGTERM)
    #expect(try running.finish().code == 130)
    #expect(!FileManager.default.fileExists(atPath: folder.file("out/\(Self.names[0])/.metasal-lock")))
  }

  @Test("a run is measured as another recipe says, and another such recipe repeats the measuring alone")
  func measured() throws {
    try folder.write(
      "m.yaml", "extends: r.yaml\nevaluation: { measures: [accuracy, border_share], figures: 0, images: 3 }")
    try write("measure: m.yaml\ncolumns: [accuracy, border_share normgrad features.5]")
    let name = Self.names[0]
    let answer = try run("sweep", "s.yaml", "--only", "rate=0.001_weight=0", "--seeds", "0")
    #expect(answer.code == 0 && answer.output.contains("border share"), "\(answer.output) \(answer.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.file("out/\(name)/evaluation.json")))
    try folder.write(
      "m.yaml", "extends: r.yaml\nevaluation: { measures: [accuracy, border_share], figures: 0, images: 4 }")
    #expect(try run("sweep", "s.yaml", "--dry-run").output.contains("trained, not measured yet"))
    #expect(try run("sweep", "s.yaml", "--only", "rate=0.001_weight=0", "--seeds", "0").code == 0)
    #expect(starts(name) == 1)
    let log = try String(contentsOfFile: folder.file("out/\(name)/log.txt"), encoding: .utf8)
    #expect(log.matches(of: /\$ metasal evaluate/).count == 2 && log.matches(of: /\$ metasal train/).count == 1)
  }

  @Test("successive halving trains the best points longer, and goes on where it was")
  func halving() throws {
    try write(steps: 4, "halving: { measure: outer_loss, rungs: 2, factor: 2 }")
    let answer = try run("sweep", "s.yaml")
    #expect(answer.code == 0, "\(answer.errors)")
    #expect(
      answer.errors.contains("Rung 0 of 2: 4 points, 2 steps")
        && answer.errors.contains("Rung 1 of 2: 2 points, 4 steps"))
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("out"))
    #expect(names.count { $0.hasSuffix("rung=0") } == 8 && names.count { $0.hasSuffix("rung=1") } == 4)
    #expect(try run("sweep", "s.yaml").errors.contains("4 of 4 runs are finished already"))
    for flags in [["--slurm"], ["--run", "0"], ["--seeds", "0"]] {
      #expect(try program.start(["sweep", "s.yaml"] + flags).finish().code == 64)
    }
  }

  @Test("the script for Slurm makes each run by its number, and the report makes the tables")
  func slurm() throws {
    try write("pareto: [accuracy, deletion normgrad features.5]")
    let script = try run("sweep", "s.yaml", "--slurm")
    #expect(script.code == 0 && script.output.contains("#SBATCH --array=0-7%2"), "\(script.output)")
    #expect(try run("sweep", "s.yaml", "--slurm", "--seeds", "1").output.contains("#SBATCH --array=1,3,5,7%2"))
    try folder.write("it's.sh", script.output)
    for task in 0..<8 {
      let bash = Process()
      bash.executableURL = URL(fileURLWithPath: "/bin/bash")
      bash.arguments = [folder.file("it's.sh")]
      bash.environment = ProcessInfo.processInfo.environment.merging(["SLURM_ARRAY_TASK_ID": String(task)]) { $1 }
      bash.standardOutput = FileHandle.nullDevice
      try bash.run()
      bash.waitUntilExit()
      #expect(bash.terminationStatus == 0)
      #expect(Self.names.filter(isFinished) == Array(Self.names.prefix(task + 1)))
    }
    let report = try run("sweep", "s.yaml", "--report")
    #expect(report.code == 0 && report.output.contains("2/2"))
    let tables = try program.contents(of: "out")["table.csv"]
    #expect(try run("sweep", "s.yaml").errors.contains("8 of 8 runs are finished already"))
    #expect(try program.contents(of: "out")["table.csv"] == tables)
  }

  @Test("wrong commands say what is wrong")
  func refusals() throws {
    try write()
    let cases: [([String], Int32, String)] = [
      (["sweep", "none.yaml"], 66, "none.yaml: no such sweep file"),
      (["sweep", "r.yaml"], 65, "r.yaml:1: model: unknown key"),
      (["sweep", "s.yaml", "--only", "nothing"], 64, "no point is called 'nothing'"),
      (["sweep", "s.yaml", "--seeds", "5"], 64, "the sweep has 0, 1, not 5"),
      (["sweep", "s.yaml", "--run", "8"], 64, "--run is from 0 to 7, found 8"),
      (["sweep", "s.yaml", "--run", "1", "--slurm"], 64, "exclude each other"),
      (["sweep", "s.yaml", "--run", "1", "--only", "x"], 64, "it excludes --only"),
    ]
    for (arguments, code, message) in cases {
      let answer = try program.start(arguments).finish()
      #expect(answer.code == code && answer.errors.contains(message), "\(arguments): \(answer.errors)")
    }
    try folder.write("s.yaml", "recipe: r.yaml\noutput: out\nset: { model.weights: nowhere.h5 }")
    let missing = try run("sweep", "s.yaml")
    #expect(
      missing.code == 66 && missing.errors.contains("nowhere.h5: no such file, which the run"), "\(missing.errors)")
  }
}
